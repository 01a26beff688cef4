import { describe, expect, test } from '@jest/globals';
import { inspect } from 'node:util';
import { fromHex, toHex } from '@dunlin/protocol/base/bytes';
import type { Curve } from '@dunlin/protocol/crypto/did-key';
import { nativeK256 } from '@dunlin/protocol/crypto/k256-native';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { verifySignature } from '@dunlin/protocol/crypto/signature';

const orderHex: Record<Curve, string> = {
  p256: 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551',
  k256: 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141',
};

test('a key is k256 unless told otherwise, and every one is new', () => {
  expect(Keypair.generate().curve).toBe('k256');
  expect(Keypair.generate().did).not.toBe(Keypair.generate().did);
});

describe.each<Curve>(['k256', 'p256'])('%s', (curve) => {
  test('private bytes give the same key back, and are copies', () => {
    const keypair = Keypair.generate(curve);
    const bytes = keypair.privateBytes();
    const again = Keypair.fromPrivateBytes(curve, bytes);
    bytes.fill(0);
    keypair.privateBytes().fill(0);
    expect(again.did).toBe(keypair.did);
    expect(verifySignature(keypair.publicKey, new Uint8Array(1), again.sign(new Uint8Array(1)))).toBe(true);
    expect(again.publicKey.curve).toBe(curve);
  });

  test.each([
    ['zero', '00'.repeat(32)], ['the order', orderHex[curve]], ['more than the order', 'ff'.repeat(32)], ['31 bytes', '01'.repeat(31)], ['33 bytes', '01'.repeat(33)], ['nothing', ''],
  ])('%s is no private key', (_name, hex) => {
    expect(() => Keypair.fromPrivateBytes(curve, fromHex(hex))).toThrow(expect.objectContaining({ code: 'InvalidKey' }));
  });

  test('the largest and the smallest private key sign', () => {
    for (const hex of [`${'00'.repeat(31)}01`, `${orderHex[curve].slice(0, -1)}0`]) {
      const keypair = Keypair.fromPrivateBytes(curve, fromHex(hex));
      expect(verifySignature(keypair.publicKey, new Uint8Array(3), keypair.sign(new Uint8Array(3)))).toBe(true);
    }
  });

  test('the private half shows neither in JSON nor when inspected', () => {
    const keypair = Keypair.generate(curve);
    const secret = toHex(keypair.privateBytes());
    expect(JSON.stringify({ keypair })).toBe(JSON.stringify({ keypair: keypair.did }));
    expect(inspect(keypair, { depth: 9, showHidden: true }).toLowerCase()).not.toContain(secret.slice(0, 8));
  });
});

test('k256 signatures of the quick library are deterministic, with a known answer', () => {
  if (nativeK256 === null) return;
  const keypair = Keypair.fromPrivateBytes('k256', fromHex(`${'00'.repeat(31)}01`));
  const signature = toHex(keypair.sign(new TextEncoder().encode('Satoshi Nakamoto')));
  expect(signature).toBe('934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d82442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5');
});
