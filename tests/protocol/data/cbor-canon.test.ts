import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { fromHex } from '@dunlin/protocol/base/bytes';
import { maxCborDepth } from '@dunlin/protocol/base/limits';
import { encode } from '@dunlin/protocol/data/cbor';
import { checkCanonical } from '@dunlin/protocol/data/cbor-canon';
import { anyValue } from '../../harness/data-model-values.ts';

const link = `d82a58250001711220${'ab'.repeat(32)}`;
const refused = expect.objectContaining({ code: 'InvalidCbor' });

/** Whether the whole of the bytes is one canonical item. */
function isCanonical(hex: string): boolean {
  const bytes = fromHex(hex);
  try {
    return checkCanonical(bytes) === bytes.length;
  } catch (fault) {
    expect(fault).toEqual(refused);
    return false;
  }
}

test.each([
  '00', '17', '1818', '18ff', '190100', '19ffff', '1a00010000', '1affffffff', '1b0000000100000000', '1b001fffffffffffff',
  '20', '37', '3818', '3a00010000', '3b0000000100000000', '3b001ffffffffffffe',
  '40', '4100', '60', '6161', '62c3a9', '64f09f9880', '80', '8100', 'a0', 'a1616100', 'a2616100616201', 'a2616200626161f6',
  'f4', 'f5', 'f6', link, `d82a5825000155${link.slice(14)}`, `d82a582500017012${link.slice(16)}`, `d82a58260001a90212${link.slice(16)}`,
])('%s is canonical', (hex) => {
  expect(isCanonical(hex)).toBe(true);
});

describe('refuses', () => {
  test.each([
    ['nothing', ''],
    ['a small integer in two bytes', '1817'], ['in three', '1900ff'], ['in five', '1a0000ffff'], ['in nine', '1b00000000ffffffff'],
    ['a small negative integer in two bytes', '3817'], ['in nine', '3b00000000ffffffff'],
    ['2^53', '1b0020000000000000'], ['-2^53', '3b001fffffffffffff'], ['2^64 - 1', '1bffffffffffffffff'],
    ['an integer cut short', '18'], ['a long integer cut short', '1b00000001000000'],
    ['reserved integer forms', '1c'], ['reserved negative form', '3d'], ['an indefinite integer', '1f'],
    ['a length in too many bytes', '580161'], ['a text length in too many bytes', '7800'], ['an array count in too many bytes', '980100'], ['a map count in too many bytes', 'b800'],
    ['a length of eight bytes', '5b000000000000000100'], ['an indefinite byte string', '5f4100ff'], ['an indefinite text', '7f6161ff'],
    ['an indefinite array', '9f00ff'], ['an indefinite map', 'bf616100ff'], ['a lone break', 'ff'],
    ['a byte string cut short', '42ab'], ['a text cut short', '6261'], ['an array cut short', '820001ff'.slice(0, 4)], ['a map cut short', 'a16161'],
    ['a map without its key', 'a1'], ['a huge array in few bytes', '9affffffff'], ['a huge map in few bytes', 'baffffffff'], ['a huge text in few bytes', '7affffffff61'],
    ['undefined', 'f7'], ['an unassigned simple value', 'e0'], ['a simple value of two bytes', 'f8ff'],
    ['a half float', 'f93c00'], ['a single float', 'fa3f800000'], ['a double float', 'fb3ff8000000000000'], ['NaN', 'fb7ff8000000000000'],
    ['a map key that is a number', 'a10000'], ['a map key that is bytes', 'a1416100'], ['a repeated key', 'a2616100616101'],
    ['keys out of order', 'a2616200616100'], ['a longer key first', 'a262616100616200'], ['a key not in its shortest length', 'a178016100'],
    ['a key that is not utf-8', 'a161ff00'], ['an indefinite key', 'a17f6161ff00'],
    ['a lone continuation byte', '6180'], ['an overlong slash', '62c0af'], ['an overlong three-byte character', '63e08080'], ['an overlong four-byte character', '64f0808080'],
    ['a surrogate', '63eda080'], ['a character beyond U+10FFFF', '64f4908080'], ['a character cut short', '62e282'], ['a lead byte of five', '65f888808080'],
    ['tag 0', 'c0613a'], ['tag 2', 'c24101'], ['tag 43', `d82b${link.slice(4)}`], ['tag 42 in three bytes', `d9002a${link.slice(4)}`], ['a tag cut short', 'd82a'],
    ['a link that is text', 'd82a6161'], ['a link without its zero', `d82a582401711220${'ab'.repeat(32)}`], ['a link with a one', link.replace('582500', '582501')],
    ['a link of an empty byte string', 'd82a40'], ['a CIDv0', `d82a5823001220${'ab'.repeat(32)}`], ['a link with another hash', link.replace('1220', '1320')],
    ['a link with a longer digest', `d82a582600017112 21${'ab'.repeat(33)}`.replace(' ', '')], ['a link cut short', link.slice(0, -2)],
    ['a codec not in shortest form', `d82a58260001f1001220${'ab'.repeat(32)}`], ['a link in a link', `d82a${link}`],
  ])('%s', (_name, hex) => {
    expect(isCanonical(hex)).toBe(false);
  });

  test('long text that is not utf-8, at whatever place', () => {
    for (const length of [190, 191, 192, 193, 300, 70_000]) {
      for (const at of [0, 1, length >> 1, length - 1]) {
        const bytes = encode('a'.repeat(length)).slice();
        const start = bytes.length - length;
        expect(checkCanonical(bytes)).toBe(bytes.length);
        bytes[start + at] = 0xff;
        expect(() => checkCanonical(bytes)).toThrow(refused);
      }
    }
  });
});

const nested = (depth: number): Uint8Array => new Uint8Array([...Array.from({ length: depth }, () => 0x81), 0x00]);

test('depth is bounded, and the bound itself is allowed', () => {
  expect(checkCanonical(nested(maxCborDepth))).toBe(maxCborDepth + 1);
  expect(() => checkCanonical(nested(maxCborDepth + 1))).toThrow(refused);
  expect(() => checkCanonical(nested(1_000_000))).toThrow(refused);
});

test('begins at an offset and stops behind the one item', () => {
  expect(checkCanonical(fromHex('ffff820102ffff'), 2)).toBe(5);
});

test('every prefix of a canonical item is cut short', () => {
  fc.assert(fc.property(anyValue(), fc.nat(), (value, seed) => {
    const bytes = encode(value);
    expect(() => checkCanonical(bytes.subarray(0, seed % bytes.length))).toThrow(refused);
  }));
});
