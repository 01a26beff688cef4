import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { compareBytes, concatBytes, equalBytes, fromBase32, fromBase64, fromBase64Url, fromHex, releaseBytes, toBase32, toBase64, toBase64Url, toHex, utf8Decode, utf8Encode } from '@dunlin/protocol/base/bytes';

describe('comparing and joining', () => {
  test('equal bytes are equal and a changed, shorter or longer one is not', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(), (bytes, seed) => {
      const changed = bytes.slice();
      changed[seed % bytes.length]! ^= 1;
      expect(equalBytes(bytes, bytes.slice())).toBe(true);
      expect(equalBytes(bytes, changed)).toBe(false);
      expect(equalBytes(bytes, bytes.subarray(1))).toBe(false);
    }));
  });

  test('order is that of Buffer.compare', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 4 }), fc.uint8Array({ maxLength: 4 }), (a, b) => {
      expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b));
    }));
  });

  test('joins parts in order into memory of its own', () => {
    const first = new Uint8Array([1, 2]);
    const joined = concatBytes([first, new Uint8Array(0), new Uint8Array([3])]);
    first[0] = 9;
    expect(joined).toEqual(new Uint8Array([1, 2, 3]));
  });
});

describe('utf-8', () => {
  test('every text survives, a byte order mark too', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(utf8Decode(utf8Encode(text))).toBe(text);
    }));
    expect(utf8Decode(new Uint8Array([0xef, 0xbb, 0xbf]))).toBe('\ufeff');
  });

  test.each(['80', 'c0af', 'e08080', 'eda080', 'f4908080', 'f8', 'e282'])('refuses %s', (hex) => {
    expect(() => utf8Decode(fromHex(hex))).toThrow(expect.objectContaining({ code: 'InvalidUtf8' }));
  });
});

describe('texts of bytes', () => {
  test('hex, base64, base64url and base32 give the bytes back', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      expect(fromHex(toHex(bytes))).toEqual(bytes);
      expect(fromBase64(toBase64(bytes))).toEqual(bytes);
      expect(fromBase64(Buffer.from(bytes).toString('base64'))).toEqual(bytes);
      expect(fromBase64Url(toBase64Url(bytes))).toEqual(bytes);
      expect(fromBase32(toBase32(bytes))).toEqual(bytes);
    }));
  });

  test('base32 is that of RFC 4648 without padding', () => {
    expect(['', 'f', 'fo', 'foo', 'foob', 'fooba', 'foobar'].map((text) => toBase32(utf8Encode(text))))
      .toEqual(['', 'my', 'mzxq', 'mzxw6', 'mzxw6yq', 'mzxw6ytb', 'mzxw6ytboi']);
  });

  test.each(['m', 'MY', 'my======', 'mz', 'mzx', 'm1', 'my ', 'é'])('refuses the base32 text "%s"', (text) => {
    expect(() => fromBase32(text)).toThrow(expect.objectContaining({ code: 'InvalidBase32' }));
  });

  test.each(['A', 'AB', 'AA=', 'AAA==', 'AA===', '====', 'AA A', 'A-_A', 'AAAA='])('refuses the base64 text "%s"', (text) => {
    expect(() => fromBase64(text)).toThrow(expect.objectContaining({ code: 'InvalidBase64' }));
  });

  test.each(['A', 'AB', 'AA==', 'A+/A', 'AA\n'])('refuses the base64url text "%s"', (text) => {
    expect(() => fromBase64Url(text)).toThrow(expect.objectContaining({ code: 'InvalidBase64' }));
  });

  test.each(['0', '0g', 'zz', '0x00'])('refuses the hex text "%s"', (text) => {
    expect(() => fromHex(text)).toThrow(expect.objectContaining({ code: 'InvalidHex' }));
  });
});

test('bytes that are released are gone from every view, and those that share their memory stay', () => {
  const whole = Uint8Array.of(1, 2, 3);
  const view = new Uint8Array(whole.buffer, 1);
  releaseBytes(view);
  expect([...whole]).toEqual([1, 2, 3]);
  releaseBytes(whole);
  releaseBytes(whole);
  expect([whole.length, view.length]).toEqual([0, 0]);
});
