import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { constantTimeEqual } from '@dunlin/protocol/crypto/constant-time';
import { randomBytes } from '@dunlin/protocol/crypto/random';

test('equal secrets are equal, any other pair is not', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
    expect(constantTimeEqual(a, b)).toBe(Buffer.from(a).equals(Buffer.from(b)));
    expect(constantTimeEqual(a, Buffer.from(a))).toBe(true);
  }));
  expect([constantTimeEqual('', ''), constantTimeEqual('a', 'a\0'), constantTimeEqual(new Uint8Array(1), new Uint8Array(2))]).toEqual([true, false, false]);
});

test('random bytes have their length and do not repeat', () => {
  const drawn = Array.from({ length: 50 }, () => Buffer.from(randomBytes(16)).toString('hex'));
  expect(new Set(drawn).size).toBe(50);
  expect(drawn.every((hex) => hex.length === 32)).toBe(true);
  expect(randomBytes(0)).toEqual(new Uint8Array(0));
});
