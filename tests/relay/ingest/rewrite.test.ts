import { expect, test } from '@jest/globals';
import { decodeFrame, encodeFrame } from '@dunlin/protocol/stream/frame';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { withHandle, withStatus } from '@dunlin/relay/ingest/rewrite';

const frame = (t: string, body: object): { bytes: Uint8Array; scan: ReturnType<typeof scanFrame> } => {
  const bytes = encodeFrame(t, { seq: 7, did: 'did:plc:abc', time: 'now', novelty: [1], ...body });
  return { bytes, scan: scanFrame(bytes) };
};

test('puts our status into an #account and leaves all else', () => {
  const { bytes, scan } = withStatus(frame('#account', { active: true }), 'takendown');
  expect(decodeFrame(bytes)).toMatchObject({ t: '#account', body: { seq: 7, did: 'did:plc:abc', time: 'now', novelty: [1], active: false, status: 'takendown' } });
  expect([scan.active, scan.status, scan.seq]).toEqual([false, 'takendown', 7]);
});

test('puts a checked handle into an #identity, takes an unchecked one out, and keeps a right one as it is', () => {
  const given = frame('#identity', { handle: 'a.example.com' });
  expect(withHandle(given, 'a.example.com')).toBe(given);
  expect(withHandle(given, 'b.example.com').scan.handle).toBe('b.example.com');
  const without = withHandle(given, null);
  expect(without.scan.handle).toBeNull();
  expect(decodeFrame(without.bytes)).toMatchObject({ body: { novelty: [1] } });
});
