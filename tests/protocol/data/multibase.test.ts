import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { fromHex } from '@dunlin/protocol/base/bytes';
import { fromBase58Multibase, toBase58Multibase } from '@dunlin/protocol/data/multibase';

test('bytes survive, leading zeros too', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
    expect(fromBase58Multibase(toBase58Multibase(bytes))).toEqual(bytes);
  }));
});

test('known answers', () => {
  expect(toBase58Multibase(fromHex('0000287fb4cd'))).toBe('z11233QC4');
});

test.each(['', '11233QC4', 'z0', 'zI', 'zl', 'z é', 'mAQ', `z${'1'.repeat(256)}`])('refuses "%s"', (text) => {
  expect(() => fromBase58Multibase(text)).toThrow(expect.objectContaining({ code: 'InvalidKey' }));
});
