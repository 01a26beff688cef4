import { describe, expect, test } from '@jest/globals';
import { CborCursor } from '@dunlin/protocol/data/cbor-cursor';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor, cidToBytes } from '@dunlin/protocol/data/cid';

const over = (bytes: Uint8Array): CborCursor => new CborCursor(bytes, 0, bytes.length, 'InvalidMst');
const refusal = expect.objectContaining({ name: 'ProtocolError', code: 'InvalidMst' });

describe('CborCursor', () => {
  test.each([0, 23, 24, 255, 256, 65535, 65536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER])('reads the integer %d', (value) => {
    const cursor = over(encode(value));
    expect(cursor.unsigned()).toBe(value);
    cursor.finish();
  });

  test.each([
    ['24 in two bytes where one serves', [0x18, 0x17]],
    ['255 in three bytes', [0x19, 0x00, 0xff]],
    ['65535 in five bytes', [0x1a, 0x00, 0x00, 0xff, 0xff]],
    ['2^32-1 in nine bytes', [0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]],
    ['2^53', [0x1b, 0, 0x20, 0, 0, 0, 0, 0, 0]],
    ['an indefinite head', [0x1f]],
    ['a head cut short', [0x19, 0x01]],
    ['nothing', []],
    ['a negative integer', [0x20]],
  ])('refuses %s', (_what, bytes) => {
    expect(() => over(Uint8Array.from(bytes)).unsigned()).toThrow(refusal);
  });

  test('reads strings up to the end of the bytes and not beyond', () => {
    expect(over(Uint8Array.from([0x42, 1, 2])).byteString()).toBe(2);
    expect(() => over(Uint8Array.from([0x43, 1, 2])).byteString()).toThrow(refusal);
    expect(over(encode('añb')).textValue()).toBe('añb');
    expect(() => over(Uint8Array.from([0x62, 0xc3, 0x28])).textValue()).toThrow(refusal);
  });

  test('reads a link as the offset of its CID', () => {
    const cid = cidForCbor(encode({ a: 1 }));
    const bytes = encode([cid, null]);
    const cursor = over(bytes);
    expect(cursor.array()).toBe(2);
    const at = cursor.linkOrNull();
    expect(bytes.subarray(at, at + 36)).toEqual(Uint8Array.from(cidToBytes(cid)));
    expect(cursor.linkOrNull()).toBe(-1);
    cursor.finish();
    const broken = Uint8Array.from(bytes);
    broken[at] = 2;
    const second = over(broken);
    second.array();
    expect(() => second.link()).toThrow(refusal);
    expect(() => over(bytes.subarray(1, 40)).link()).toThrow(refusal);
  });

  test('names a fault behind an unknown item by its own code', () => {
    expect(() => over(Uint8Array.from([0xfb, 0, 0, 0, 0, 0, 0, 0, 0])).skip()).toThrow(refusal);
    const cut = new CborCursor(Uint8Array.from([0x82, 1, 2]), 0, 2, 'InvalidMst');
    expect(() => cut.skip()).toThrow(refusal);
  });

  test('says when bytes are left over', () => {
    const cursor = over(Uint8Array.from([0xf5, 0]));
    expect(cursor.boolean()).toBe(true);
    expect(() => cursor.finish()).toThrow(refusal);
    expect(() => over(Uint8Array.from([0xf6])).boolean()).toThrow(refusal);
  });
});
