/**
 * Keys of both curves in the form that node:crypto takes, made from points and private bytes.
 * Making one costs as much as verifying with it: keep them. Not for texts of keys (crypto/did-key).
 * Source: RFC 7517, RFC 8812 for secp256k1.
 */
import { createECDH, createPrivateKey, createPublicKey, ECDH } from 'node:crypto';
import type { JsonWebKey, KeyObject } from 'node:crypto';
import { toBase64Url } from '../base/bytes.ts';

/** The two curves of the protocol: NIST P-256 and secp256k1. */
export type Curve = 'p256' | 'k256';

const opensslNames = { p256: 'prime256v1', k256: 'secp256k1' } as const;
const jwkNames = { p256: 'P-256', k256: 'secp256k1' } as const;

/**
 * Gives a point in its short (33 bytes) or long (65 bytes) form.
 * @throws Error of OpenSSL when the bytes are not a point of the curve
 */
export function convertPoint(curve: Curve, point: Uint8Array, form: 'compressed' | 'uncompressed'): Uint8Array {
  return new Uint8Array(ECDH.convertKey(point, opensslNames[curve], undefined, undefined, form) as Buffer);
}

/**
 * Gives the long form of the public point of 32 private bytes.
 * @throws Error of OpenSSL when they are zero or beyond the curve's order
 */
export function publicPoint(curve: Curve, privateBytes: Uint8Array): Uint8Array {
  const exchange = createECDH(opensslNames[curve]);
  exchange.setPrivateKey(privateBytes);
  return new Uint8Array(exchange.getPublicKey());
}

/** Gives the key for verifying, from the long form of its point. */
export function publicKeyObject(curve: Curve, point: Uint8Array): KeyObject {
  return createPublicKey({ format: 'jwk', key: pointToJwk(curve, point) });
}

/** Gives the key for signing, from its private bytes and the long form of its point. */
export function privateKeyObject(curve: Curve, privateBytes: Uint8Array, point: Uint8Array): KeyObject {
  return createPrivateKey({ format: 'jwk', key: { ...pointToJwk(curve, point), d: toBase64Url(privateBytes) } });
}

function pointToJwk(curve: Curve, point: Uint8Array): JsonWebKey {
  return { kty: 'EC', crv: jwkNames[curve], x: toBase64Url(point.subarray(1, 33)), y: toBase64Url(point.subarray(33)) };
}
