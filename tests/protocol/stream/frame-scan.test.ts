import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor, cidToBytes } from '@dunlin/protocol/data/cid';
import { decodeFrame, encodeErrorFrame, encodeFrame } from '@dunlin/protocol/stream/frame';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';

const did = 'did:plc:ewvi7nxzyoun6zhxrhs64oiz';
const time = '2026-11-24T02:35:13.275Z';
const [first, second] = [cidForCbor(encode({ n: 1 })), cidForCbor(encode({ n: 2 }))];
const op = { action: 'create', path: 'a.b.c/d', cid: first };
const body = {
  seq: 77, repo: did, rev: '3jzfcijpj2z2a', since: '3jzfcijpj2z22', commit: first, prevData: second, blocks: new Uint8Array([5, 6, 7]),
  ops: [op, op], blobs: [second], time, tooBig: false, rebase: true,
};
const frameWithBlocks = (length: number): Uint8Array => encodeFrame('#commit', { ...body, blocks: new Uint8Array(length) });
const invalid = expect.objectContaining({ name: 'ProtocolError', code: 'InvalidFrame' });

describe('scanFrame', () => {
  test('finds every field of a commit', () => {
    const frame = encodeFrame('#commit', body);
    const scan = scanFrame(frame);
    expect(scan).toMatchObject({
      op: 1, t: '#commit', seq: 77, did, rev: body.rev, since: body.since, time, opsCount: 2, tooBig: false, rebase: true, blocksLength: 3,
    });
    expect([...frame.subarray(scan.blocksOffset, scan.blocksOffset + 3)]).toEqual([5, 6, 7]);
    expect([...frame.subarray(scan.commitOffset, scan.commitOffset + 36)]).toEqual([...cidToBytes(first)]);
    expect([...frame.subarray(scan.prevDataOffset, scan.prevDataOffset + 36)]).toEqual([...cidToBytes(second)]);
    expect(Buffer.from(frame.subarray(scan.opsOffset, scan.opsEnd)).equals(Buffer.from(encode([op, op])))).toBe(true);
    expect(frame.subarray(scan.bodyOffset)[0]).toBe(0xac);
  });

  test('tells null from absent', () => {
    expect(scanFrame(encodeFrame('#commit', { ...body, since: null })).since).toBeNull();
    const { since: _since, prevData: _prevData, ...rest } = body;
    const scan = scanFrame(encodeFrame('#commit', rest));
    expect(scan.since).toBeUndefined();
    expect(scan.prevDataOffset).toBe(-1);
  });

  test('reads the other kinds', () => {
    expect(scanFrame(encodeFrame('#sync', { seq: 1, did, rev: 'r', blocks: new Uint8Array(2), time }))).toMatchObject({ t: '#sync', did, rev: 'r', blocksLength: 2 });
    expect(scanFrame(encodeFrame('#identity', { seq: 1, did, handle: 'a.test', time }))).toMatchObject({ t: '#identity', handle: 'a.test' });
    expect(scanFrame(encodeFrame('#account', { seq: 1, did, active: false, status: 'deleted', time }))).toMatchObject({ active: false, status: 'deleted' });
    expect(scanFrame(encodeFrame('#info', { name: 'OutdatedCursor', message: 'm' }))).toMatchObject({ name: 'OutdatedCursor', message: 'm', seq: -1 });
    expect(scanFrame(encodeErrorFrame('FutureCursor', 'm'))).toMatchObject({ op: -1, t: '', name: 'FutureCursor', message: 'm' });
  });

  test('does not look into kinds it does not know', () => {
    expect(scanFrame(encodeFrame('#future', { seq: 'text', did: 5 }))).toMatchObject({ t: '#future', seq: -1, did: null });
  });

  test('is not misled by keys that share length and first letter with known ones', () => {
    const scan = scanFrame(encodeFrame('#commit', { ...body, sea: 'x', robo: 1, tame: null }));
    expect(scan).toMatchObject({ seq: 77, did, time });
  });

  test.each<[string, string, object]>([
    ['seq as text', '#commit', { ...body, seq: '1' }],
    ['seq zero', '#commit', { ...body, seq: 0 }],
    ['a negative seq', '#commit', { ...body, seq: -5 }],
    ['no seq', '#account', { did, active: true, time }],
    ['repo as bytes', '#commit', { ...body, repo: new Uint8Array(3) }],
    ['commit as text', '#commit', { ...body, commit: 'x' }],
    ['a null prevData', '#commit', { ...body, prevData: null }],
    ['ops as a map', '#commit', { ...body, ops: {} }],
    ['blobs of texts', '#commit', { ...body, blobs: ['x'] }],
    ['tooBig as null', '#commit', { ...body, tooBig: null }],
  ])('refuses %s', (_what, t, fields) => {
    expect(() => scanFrame(encodeFrame(t, fields))).toThrow(invalid);
  });

  test('refuses an error without a name, which its decoder refuses too', () => {
    // One byte from a commit: its op made −1, its body left as it was.
    const frame = Buffer.concat([encode({ op: -1, t: '#commit' }), encode({ ...body, message: 'm' })]);
    expect(() => scanFrame(frame)).toThrow(invalid);
    expect(() => decodeFrame(frame)).toThrow(invalid);
  });

  test('refuses what is not canonical, anywhere', () => {
    const header = encode({ op: 1, t: '#x' });
    for (const bytes of [
      [0xa1, 0x61, 0x61, 0x18, 0x01], // integer too long
      [0xa2, 0x61, 0x62, 0x01, 0x61, 0x61, 0x01], // keys out of order
      [0xa2, 0x61, 0x61, 0x01, 0x61, 0x61, 0x01], // key twice
      [0xbf, 0x61, 0x61, 0x01, 0xff], // indefinite map
      [0xa1, 0x61, 0x61, 0xf9, 0x00, 0x00], // float
      [0xa1, 0x61, 0xff, 0x01], // key is not utf-8
      [0xa1, 0x41, 0x61, 0x01], // key is not text
      [0xa0, 0x00], // something behind
      [0x80], // not a map
      [],
    ]) expect(() => scanFrame(Buffer.concat([header, Uint8Array.from(bytes)]))).toThrow(invalid);
    expect(() => scanFrame(Buffer.concat([encode({ op: 2, t: '#x' }), encode({})]))).toThrow(invalid);
    expect(() => scanFrame(Buffer.concat([encode({ t: '#x' }), encode({})]))).toThrow(invalid);
    expect(() => scanFrame(Buffer.concat([encode({ op: 1 }), encode({})]))).toThrow(invalid);
  });

  test('counts the map around a field as a container, as whoever decodes the frame does', () => {
    const nested = (depth: number): Uint8Array => Buffer.concat([Buffer.alloc(depth - 1, 0x81), Buffer.from([0x80])]);
    const withField = (depth: number): Uint8Array => Buffer.concat([
      encode({ op: 1, t: '#identity' }), Uint8Array.of(0xa4), encode('zz'), nested(depth), encode('did'), encode(did), encode('seq'), encode(7), encode('time'), encode(time),
    ]);
    expect(scanFrame(withField(127))).toMatchObject({ did, seq: 7 });
    expect(decodeFrame(withField(127))).toMatchObject({ t: '#identity' });
    expect(() => scanFrame(withField(128))).toThrow(invalid);
    expect(() => decodeFrame(withField(128))).toThrow(invalid);
  });

  test('takes five megabytes and not a byte more', () => {
    const overhead = frameWithBlocks(1_000_000).length - 1_000_000;
    expect(scanFrame(frameWithBlocks(5_000_000 - overhead)).blocksLength).toBe(5_000_000 - overhead);
    expect(() => scanFrame(frameWithBlocks(5_000_001 - overhead))).toThrow(expect.objectContaining({ code: 'FrameTooBig' }));
  });

  test('every cut of a frame is refused', () => {
    const frame = encodeFrame('#commit', body);
    for (let length = 0; length < frame.length; length++) expect(() => scanFrame(frame.subarray(0, length))).toThrow(invalid);
  });

  test('no changed byte makes it fail otherwise than by refusing', () => {
    const frame = encodeFrame('#commit', body);
    fc.assert(fc.property(fc.nat(frame.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const changed = Uint8Array.from(frame);
      changed[at] = changed[at]! ^ mask;
      let isTaken = true;
      try {
        scanFrame(changed);
      } catch (error) {
        isTaken = false;
        expect(error).toEqual(invalid);
      }
      // Whoever scanned a frame may decode it later without looking out for a refusal.
      if (isTaken) expect(() => decodeFrame(changed)).not.toThrow();
    }));
  });
});
