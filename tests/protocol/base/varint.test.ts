import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { readVarint, varintLength, writeVarint, writeVarintAt } from '@dunlin/protocol/base/varint';
import { fromHex, toHex } from '@dunlin/protocol/base/bytes';

test('every safe integer survives at any offset', () => {
  fc.assert(fc.property(fc.maxSafeInteger().map(Math.abs), fc.nat({ max: 5 }), (value, offset) => {
    const bytes = new Uint8Array(offset + varintLength(value) + 1);
    const end = writeVarintAt(bytes, offset, value);
    expect(readVarint(bytes, offset)).toEqual({ value, length: end - offset });
  }));
});

test.each([[0, '00'], [127, '7f'], [128, '8001'], [16_383, 'ff7f'], [16_384, '808001'], [Number.MAX_SAFE_INTEGER, 'ffffffffffffff0f']])('%d is %s', (value, hex) => {
  expect(toHex(writeVarint(value))).toBe(hex);
});

test.each(['', '80', 'ff', '8000', '808000', 'ffffffffffffff10', 'ffffffffffffffff01', '808080808080808001'])('refuses %s', (hex) => {
  expect(() => readVarint(fromHex(hex), 0)).toThrow(expect.objectContaining({ code: 'InvalidVarint' }));
});

test.each([-1, 0.5, 2 ** 53, NaN])('does not write %d', (value) => {
  expect(() => writeVarint(value)).toThrow('varint out of range');
});
