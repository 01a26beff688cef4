import { describe, expect, test } from '@jest/globals';
import * as reference from '@atproto/crypto';
import * as fc from 'fast-check';
import { join } from 'node:path';
import { fromBase64, fromHex } from '@dunlin/protocol/base/bytes';
import { parseDidKey, parseVerificationMethod } from '@dunlin/protocol/crypto/did-key';
import type { Curve } from '@dunlin/protocol/crypto/did-key';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { isLowS } from '@dunlin/protocol/crypto/low-s';
import { nativeK256 } from '@dunlin/protocol/crypto/k256-native';
import { verifyByOpenssl, verifySignature } from '@dunlin/protocol/crypto/signature';
import { readJson, vectorsFolder } from '../../harness/vectors.ts';

const curves: Curve[] = ['k256', 'p256'];
const orders: Record<Curve, bigint> = {
  p256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  k256: 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n,
};
const theirKeypairs = { k256: reference.Secp256k1Keypair, p256: reference.P256Keypair };

/** The other signature of the same equation. */
function mirrored(curve: Curve, signature: Uint8Array): Uint8Array {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`);
  return new Uint8Array([...signature.subarray(0, 32), ...fromHex((orders[curve] - s).toString(16).padStart(64, '0'))]);
}

describe.each(curves)('%s', (curve) => {
  const keypair = Keypair.generate(curve);
  const message = new Uint8Array([1, 2, 3]);
  const signature = keypair.sign(message);

  test('what we sign holds here and in the reference package, and is always low-S', async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (text) => {
      const signed = keypair.sign(text);
      expect(signed).toHaveLength(64);
      expect(signed.constructor).toBe(Uint8Array);
      expect(isLowS(curve, signed)).toBe(true);
      expect(verifySignature(keypair.publicKey, text, signed)).toBe(true);
      expect(await reference.verifySignature(keypair.did, text, signed)).toBe(true);
    }), { numRuns: 12 });
  });

  test('what the reference package signs holds here', async () => {
    const theirs = await theirKeypairs[curve].create({ exportable: true });
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (text) => {
      const signed = await theirs.sign(text);
      expect(verifySignature(parseDidKey(theirs.did()), text, signed)).toBe(true);
    }), { numRuns: 12 });
    expect(Keypair.fromPrivateBytes(curve, await theirs.export()).did).toBe(theirs.did());
  });

  test('a changed message, signature or key does not hold', () => {
    fc.assert(fc.property(fc.nat({ max: 63 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = signature.slice();
      changed[at]! ^= change;
      expect(verifySignature(keypair.publicKey, message, changed)).toBe(false);
      expect(verifySignature(keypair.publicKey, message, changed, { allowHighS: true })).toBe(false);
    }), { numRuns: 40 });
    expect(verifySignature(keypair.publicKey, new Uint8Array([1, 2, 4]), signature)).toBe(false);
    expect(verifySignature(Keypair.generate(curve).publicKey, message, signature)).toBe(false);
  });

  test('high-S is refused, and taken where it is allowed', async () => {
    const high = mirrored(curve, signature);
    expect(verifySignature(keypair.publicKey, message, high)).toBe(false);
    expect(await reference.verifySignature(keypair.did, message, high)).toBe(false);
    expect(verifySignature(keypair.publicKey, message, high, { allowHighS: true })).toBe(true);
    expect(verifySignature(keypair.publicKey, message, signature, { allowHighS: true })).toBe(true);
  });

  test('other lengths, zeros and numbers beyond the order are no signatures', () => {
    const order = fromHex(orders[curve].toString(16));
    const bad = [
      new Uint8Array(0), signature.subarray(0, 63), new Uint8Array([...signature, 0]), new Uint8Array(64), new Uint8Array(64).fill(0xff),
      new Uint8Array([...new Uint8Array(32), ...signature.subarray(32)]), new Uint8Array([...signature.subarray(0, 32), ...new Uint8Array(32)]),
      new Uint8Array([...order, ...signature.subarray(32)]), new Uint8Array([...signature.subarray(0, 32), ...order]),
    ];
    for (const wrong of bad) {
      for (const allowHighS of [false, true]) expect(verifySignature(keypair.publicKey, message, wrong, { allowHighS })).toBe(false);
    }
  });

  test('OpenSSL alone says the same, and signs what holds everywhere', async () => {
    expect(verifyByOpenssl(keypair.publicKey, message, signature)).toBe(true);
    expect(verifyByOpenssl(keypair.publicKey, new Uint8Array(1), signature)).toBe(false);
    for (let round = 0; round < 10; round++) {
      const signed = keypair.signByOpenssl(message);
      expect(signed).toHaveLength(64);
      expect(verifySignature(keypair.publicKey, message, signed)).toBe(true);
      expect(await reference.verifySignature(keypair.did, message, signed)).toBe(true);
    }
  });

  test('takes Buffers as well', () => {
    expect(verifySignature(keypair.publicKey, Buffer.from(message), Buffer.from(signature))).toBe(true);
  });
});

test('the quick library for k256 is there on this kind of machine', () => {
  const isPrebuilt = ['linux-x64', 'darwin-arm64', 'win32-x64'].includes(`${process.platform}-${process.arch}`);
  if (isPrebuilt) expect(nativeK256).not.toBeNull();
});

test('a key of one curve does not verify a signature of the other', () => {
  const message = new Uint8Array(1);
  const [k256, p256] = [Keypair.generate('k256'), Keypair.generate('p256')];
  expect(verifySignature(k256.publicKey, message, p256.sign(message))).toBe(false);
  expect(verifySignature(p256.publicKey, message, k256.sign(message))).toBe(false);
});

const vectors = vectorsFolder();
if (vectors === null) test('finds no interoperability vectors, skips them', () => expect(vectors).toBeNull());
else {
  interface Fixture {
    comment: string; messageBase64: string; didDocSuite: string; publicKeyDid: string; publicKeyMultibase: string; signatureBase64: string; validSignature: boolean; tags: string[];
  }
  test.each(readJson<Fixture[]>(join(vectors, 'crypto', 'signature-fixtures.json')))('vectors: $comment', (fixture) => {
    const key = parseDidKey(fixture.publicKeyDid);
    const [message, signature] = [fromBase64(fixture.messageBase64), fromBase64(fixture.signatureBase64)];
    expect(parseVerificationMethod(fixture.didDocSuite, fixture.publicKeyMultibase)).toEqual(key);
    expect(verifySignature(key, message, signature)).toBe(fixture.validSignature);
    expect(verifySignature(key, message, signature, { allowHighS: true })).toBe(fixture.validSignature || fixture.tags.includes('high-s'));
  });
}
