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

test.each([
  ['a longer handle', '#identity', { handle: 'a.b' }, (given: ReturnType<typeof frame>) => withHandle(given, 'a-much-longer-name.example.com')],
  ['our status', '#account', { active: true }, (given: ReturnType<typeof frame>) => withStatus(given, 'takendown')],
])('leaves out what %s has no room beside, rather than pass the bound of a frame', (_what, t, fields, rewritten) => {
  const most = 5_000_000 - 8;
  const empty = frame(t, { ...fields, padding: new Uint8Array(70_000) }).bytes.length - 70_000;
  const given = frame(t, { ...fields, padding: new Uint8Array(most - empty) });
  expect(given.bytes.length).toBe(most);
  const { bytes, scan } = rewritten(given);
  expect(bytes.length).toBeLessThan(300);
  expect(scan).toMatchObject({ t, seq: 7, did: 'did:plc:abc', time: 'now' });
});

test('keeps everything as long as it fits', () => {
  const empty = frame('#account', { active: true, padding: new Uint8Array(70_000) }).bytes.length - 70_000;
  const room = '"status"takendown'.length + 2;
  const given = frame('#account', { active: true, padding: new Uint8Array(5_000_000 - 8 - empty - room) });
  const { bytes } = withStatus(given, 'takendown');
  expect(bytes.length).toBeLessThanOrEqual(5_000_000 - 8);
  expect(decodeFrame(bytes)).toMatchObject({ body: { novelty: [1] } });
});
