/** What the pages sign with a recovery key: the very signatures of the house's own keys, and those that others made. */
import { describe, expect, test } from '@jest/globals';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { findPlcSigner, parsePlcOperation, signPlcOperation } from '@dunlin/protocol/identity/plc-operation';
import { curves, publicPoint, signDigest } from '../../../pds/web/curves.ts';
import { isDidKey } from '../../../pds/web/recovery-key.ts';
import { readSignature, readSigners, signedBytes, type PlcChange } from '../../../pds/web/rotation-signature.ts';
import { sha256 } from '@dunlin/protocol/crypto/hash';

const hexOf = (key: Keypair): string => Buffer.from(key.privateBytes()).toString('hex');
const changeOf = (keys: readonly string[]): PlcChange => ({
  type: 'plc_operation', prev: 'bafyreibjo4xmgaevkgud7mbifn3dzp4v4lyaui4yvqp3f2bqwtxcjrdqg4', rotationKeys: keys, alsoKnownAs: ['at://ada.example'],
  verificationMethods: { atproto: Keypair.generate('k256').did }, services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: 'https://pds.example' } },
});

describe.each(['p256', 'k256'] as const)('a key of %s', (curve) => {
  test('given as hex is found among both curves, and its operation holds', async () => {
    for (let round = 0; round < 8; round++) {
      const key = Keypair.generate(curve);
      const signer = readSigners(`my key: 0x${hexOf(key)}\n`).find(({ didKey }) => didKey === key.did);
      const operation = parsePlcOperation(JSON.parse(JSON.stringify(await signer!.sign(changeOf([key.did])))));
      if (operation.type !== 'plc_operation') throw new Error('it is another kind');
      expect(findPlcSigner(operation, [key.did])).toBe(key.did);
    }
  });

  test('of zero, of the order and above is none', () => {
    const { order } = curves[curve];
    for (const [number, isKey] of [[0n, false], [1n, true], [order - 1n, true], [order, false], [2n ** 256n - 1n, false]] as const) {
      expect(publicPoint(curves[curve], Buffer.from(number.toString(16).padStart(64, '0'), 'hex')) !== null).toBe(isKey);
    }
  });

  test('signs elsewhere: the signed operation is taken, the signature alone in either text, and with either s', () => {
    const key = Keypair.generate(curve);
    const change = changeOf([key.did]);
    const signed = signPlcOperation(change as Parameters<typeof signPlcOperation>[0], key) as unknown as { sig: string };
    const raw = Buffer.from(signed.sig, 'base64url');
    const s = BigInt(`0x${raw.subarray(32).toString('hex')}`);
    const highS = Buffer.concat([raw.subarray(0, 32), Buffer.from((curves[curve].order - s).toString(16).padStart(64, '0'), 'hex')]);
    for (const text of [JSON.stringify(signed), signed.sig, raw.toString('hex'), highS.toString('hex')]) expect(readSignature(text, change, key.did).sig).toBe(signed.sig);
    expect(() => readSignature(JSON.stringify({ ...signed, alsoKnownAs: ['at://eve.example'] }), change, key.did)).toThrow('another operation');
    expect(() => readSignature('no signature', change, key.did)).toThrow('neither');
    expect(() => readSignature('AAAA', change, key.did)).toThrow('64 bytes');
  });
});

test('signatures of secp256k1 are those of libsecp256k1, bit for bit', async () => {
  for (let round = 0; round < 40; round++) {
    const key = Keypair.generate('k256');
    const message = Buffer.from(`message ${round} ${key.did}`);
    expect(Buffer.from(await signDigest(curves.k256, key.privateBytes(), sha256(message))).toString('hex')).toBe(Buffer.from(key.sign(message)).toString('hex'));
  }
});

test('bytes to be signed elsewhere are those the directory hashes', () => {
  const key = Keypair.generate('k256');
  const change = changeOf([key.did]);
  const signature = key.sign(Buffer.from(signedBytes(change), 'hex'));
  const { sig } = signPlcOperation(change as Parameters<typeof signPlcOperation>[0], key) as unknown as { sig: string };
  expect(Buffer.from(signature).toString('base64url')).toBe(sig);
});

test('names of keys are told from other texts', () => {
  for (const curve of ['p256', 'k256'] as const) expect(isDidKey(Keypair.generate(curve).did)).toBe(true);
  for (const text of ['', 'did:key:z', 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK', 'did:plc:aaaa', Keypair.generate('k256').did.slice(0, -1)]) expect(isDidKey(text)).toBe(false);
});
