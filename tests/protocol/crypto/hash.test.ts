import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { createHash, createHmac } from 'node:crypto';
import { hmacSha1, hmacSha256, isSha256At, sha256, sha256Latin1, Sha256Stream } from '@dunlin/protocol/crypto/hash';
import { toHex, utf8Encode } from '@dunlin/protocol/base/bytes';

test('known answers', () => {
  expect(toHex(sha256(utf8Encode('abc')))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  expect(toHex(sha256('abc'))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  expect(toHex(hmacSha256(utf8Encode('Jefe'), utf8Encode('what do ya want for nothing?')))).toBe('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
  expect(toHex(hmacSha1(utf8Encode('Jefe'), utf8Encode('what do ya want for nothing?')))).toBe('effcdf6ae5eb2fa2d27416d5f184df9c259a7c79');
});

test('whole, as text, in place and piece by piece it is the same digest, and that of createHash', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat({ max: 300 }), (bytes, cut) => {
    const digest = sha256(bytes);
    const pieces = new Sha256Stream();
    pieces.update(bytes.subarray(0, cut));
    pieces.update(bytes.subarray(cut));
    expect(toHex(digest)).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(pieces.digest()).toEqual(digest);
    expect(Buffer.from(sha256Latin1(bytes), 'latin1').equals(digest)).toBe(true);
    expect(isSha256At(new Uint8Array([7, ...digest]), 1, bytes)).toBe(true);
    expect(isSha256At(new Uint8Array([7, ...digest]), 0, bytes)).toBe(false);
    expect(toHex(hmacSha256(bytes, digest))).toBe(createHmac('sha256', bytes).update(digest).digest('hex'));
  }));
});
