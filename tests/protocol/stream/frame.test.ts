import { describe, expect, test } from '@jest/globals';
import { encode } from '@dunlin/protocol/data/cbor';
import { decodeFrame, encodeErrorFrame, encodeFrame } from '@dunlin/protocol/stream/frame';

const invalid = expect.objectContaining({ name: 'ProtocolError', code: 'InvalidFrame' });

describe('frames', () => {
  test('an event frame is a header and a body', () => {
    const frame = encodeFrame('#info', { name: 'OutdatedCursor', message: undefined });
    expect(Buffer.from(frame).toString('hex')).toBe('a261746523696e666f626f7001a1646e616d656e4f7574646174656443757273 6f72'.replace(' ', ''));
    expect(decodeFrame(frame)).toEqual({ op: 1, t: '#info', body: { name: 'OutdatedCursor' } });
  });

  test('an error frame has op -1', () => {
    const frame = encodeErrorFrame('FutureCursor', 'Cursor in the future.');
    expect(Buffer.from(frame.subarray(0, 5)).toString('hex')).toBe('a1626f7020');
    expect(decodeFrame(frame)).toEqual({ op: -1, error: 'FutureCursor', message: 'Cursor in the future.' });
    expect(decodeFrame(encodeErrorFrame('ConsumerTooSlow'))).toEqual({ op: -1, error: 'ConsumerTooSlow', message: null });
  });

  test.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array()],
    ['one item', encode({ op: 1, t: '#info' })],
    ['three items', Buffer.concat([encode({ op: 1, t: '#info' }), encode({}), encode({})])],
    ['a header that is a list', Buffer.concat([encode([1]), encode({})])],
    ['a body that is null', Buffer.concat([encode({ op: 1, t: '#info' }), encode(null)])],
    ['no op', Buffer.concat([encode({ t: '#info' }), encode({})])],
    ['op 2', Buffer.concat([encode({ op: 2, t: '#info' }), encode({})])],
    ['an event without t', Buffer.concat([encode({ op: 1 }), encode({})])],
    ['an error without a name', Buffer.concat([encode({ op: -1 }), encode({ message: 'x' })])],
    ['keys out of order', Uint8Array.from([0xa2, 0x62, 0x6f, 0x70, 0x01, 0x61, 0x74, 0x61, 0x23, 0xa0])],
  ])('refuses %s', (_what, bytes) => {
    expect(() => decodeFrame(bytes)).toThrow(invalid);
  });

  test('refuses a frame above five megabytes by its own code', () => {
    expect(() => decodeFrame(new Uint8Array(5_000_001))).toThrow(expect.objectContaining({ code: 'FrameTooBig' }));
    expect(() => decodeFrame(new Uint8Array(5_000_000))).toThrow(invalid);
  });
});
