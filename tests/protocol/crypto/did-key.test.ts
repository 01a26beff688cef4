import { describe, expect, test } from '@jest/globals';
import * as reference from '@atproto/crypto';
import { join } from 'node:path';
import { concatBytes, fromHex, toHex } from '@dunlin/protocol/base/bytes';
import { formatDidKey, formatMultikey, parseDidKey, parseMultikey, parseVerificationMethod, publicKeyFromPoint, uncompressedPoint } from '@dunlin/protocol/crypto/did-key';
import type { Curve } from '@dunlin/protocol/crypto/did-key';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { fromBase58Multibase, toBase58Multibase } from '@dunlin/protocol/data/multibase';
import { readJson, vectorsFolder } from '../../harness/vectors.ts';

const refused = expect.objectContaining({ code: 'InvalidKey' });
const curves: Curve[] = ['k256', 'p256'];
const known = {
  k256: { privateHex: '9085d2bef69286a6cbb51623c8fa258629945cd55ca705cc4e66700396894e0c', did: 'did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme' },
  p256: { privateHex: `${'00'.repeat(31)}01`, did: 'did:key:zDnaepsL7AXenJkVYdkh5KuKsSU7Ykh7kyXaLLU7auN9FWSiZ' },
};
const legacyType = { k256: 'EcdsaSecp256k1VerificationKey2019', p256: 'EcdsaSecp256r1VerificationKey2019' };

describe.each(curves)('%s', (curve) => {
  test('a known private key has its known did:key', () => {
    expect(Keypair.fromPrivateBytes(curve, fromHex(known[curve].privateHex)).did).toBe(known[curve].did);
  });

  test('all text forms lead to the same key, and the reference package agrees', () => {
    for (let round = 0; round < 20; round++) {
      const { publicKey } = Keypair.generate(curve);
      const theirs = reference.parseDidKey(publicKey.didKey);
      expect(toHex(uncompressedPoint(publicKey))).toBe(toHex(theirs.keyBytes));
      expect(reference.formatDidKey(theirs.jwtAlg, theirs.keyBytes)).toBe(publicKey.didKey);
      expect(formatDidKey(curve, publicKey.bytes)).toBe(publicKey.didKey);
      const read = [
        parseDidKey(publicKey.didKey), parseMultikey(formatMultikey(publicKey)), publicKeyFromPoint(curve, uncompressedPoint(publicKey)),
        parseVerificationMethod('Multikey', formatMultikey(publicKey)),
        parseVerificationMethod(legacyType[curve], toBase58Multibase(publicKey.bytes)),
        parseVerificationMethod(legacyType[curve], toBase58Multibase(uncompressedPoint(publicKey))),
      ];
      for (const key of read) expect(key).toEqual(publicKey);
    }
  });

  test('refuses points that are not on the curve, and forms that are not a point', () => {
    const { publicKey } = Keypair.generate(curve);
    const long = uncompressedPoint(publicKey);
    const offCurve = long.slice();
    offCurve[64]! ^= 1;
    const bad = [
      new Uint8Array(0), new Uint8Array(33), publicKey.bytes.subarray(0, 32), concatBytes([publicKey.bytes, new Uint8Array(1)]), offCurve,
      new Uint8Array([4, ...publicKey.bytes.subarray(1)]), new Uint8Array([5, ...publicKey.bytes.subarray(1)]), new Uint8Array([2, ...new Uint8Array(32).fill(0xff)]),
      new Uint8Array([6 + (long[64]! & 1), ...long.subarray(1)]), new Uint8Array([0]),
    ];
    for (const point of bad) expect(() => publicKeyFromPoint(curve, point)).toThrow(refused);
    expect(() => parseMultikey(toBase58Multibase(concatBytes([fromBase58Multibase(formatMultikey(publicKey)).subarray(0, 2), long])))).toThrow(refused);
  });
});

test('refuses other methods, encodings, curves and text', () => {
  const { didKey } = Keypair.generate().publicKey;
  const ed25519 = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK';
  for (const text of ['', 'did:key:', 'did:key:z', didKey.slice(0, -1), `${didKey}1`, didKey.replace('did:key:', 'did:plc:'), didKey.slice(8), ed25519, didKey.replace(':z', ':u'), ` ${didKey}`, `did:key:z${'1'.repeat(10_000)}`]) {
    expect(() => parseDidKey(text)).toThrow(refused);
  }
});

test('verification methods of other types, and keys that cannot be read, are null', () => {
  const multikey = formatMultikey(Keypair.generate().publicKey);
  expect(parseVerificationMethod('Ed25519VerificationKey2020', multikey)).toBeNull();
  expect(parseVerificationMethod('toString', multikey)).toBeNull();
  expect(parseVerificationMethod('Multikey', 'zz')).toBeNull();
  expect(parseVerificationMethod('EcdsaSecp256k1VerificationKey2019', multikey)).toBeNull();
});

const vectors = vectorsFolder();
if (vectors === null) test('finds no interoperability vectors, skips them', () => expect(vectors).toBeNull());
else {
  test('every key of the vectors has its did:key', () => {
    const k256 = readJson<{ privateKeyBytesHex: string; publicDidKey: string }[]>(join(vectors, 'crypto', 'w3c_didkey_K256.json'));
    const p256 = readJson<{ privateKeyBytesBase58: string; publicDidKey: string }[]>(join(vectors, 'crypto', 'w3c_didkey_P256.json'));
    expect(Math.min(k256.length, p256.length)).toBeGreaterThan(0);
    for (const { privateKeyBytesHex, publicDidKey } of k256) expect(Keypair.fromPrivateBytes('k256', fromHex(privateKeyBytesHex)).did).toBe(publicDidKey);
    for (const { privateKeyBytesBase58, publicDidKey } of p256) {
      expect(Keypair.fromPrivateBytes('p256', fromBase58Multibase(`z${privateKeyBytesBase58}`)).did).toBe(publicDidKey);
    }
  });
}
