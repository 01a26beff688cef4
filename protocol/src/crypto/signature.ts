/**
 * Verifying ECDSA signatures over SHA-256: k256 by libsecp256k1, p256 by OpenSSL, each the quickest for its curve.
 * Always checks: 64 bytes, r and s in range, s in the lower half (unless `allowHighS`), the equation itself.
 * Does not check: whose key it is, or what the message means. A signature that cannot be read is simply not valid.
 * Parsing a key costs as much as verifying, so parsed keys are kept. Source: atproto.com/specs/cryptography.
 */
import { createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import secp256k1 from 'secp256k1';
import { toBase64Url } from '../base/bytes.ts';
import { sha256 } from './hash.ts';
import { isLowS, signatureBytes, toLowS } from './low-s.ts';
import { uncompressedPoint } from './did-key.ts';
import type { PublicKey } from './did-key.ts';

/** How strict a verification is. */
export interface VerifyOptions {
  /** Accepts both forms of a signature: for service tokens only, never for commits or directory operations. */
  readonly allowHighS?: boolean;
}

/** Parsed keys, by did:key. Bound: an entry is below 1 KiB, so below 64 MiB in all; a relay's busy accounts fit. */
const maxParsedKeys = 65_536;
const parsedK256 = new LRUCache<string, Uint8Array>({ max: maxParsedKeys });
const parsedP256 = new LRUCache<string, KeyObject>({ max: maxParsedKeys });

/** Tells whether `signature` is the key's signature of the message. */
export function verifySignature(key: PublicKey, message: Uint8Array, signature: Uint8Array, options?: VerifyOptions): boolean {
  if (signature.length !== signatureBytes) return false;
  if (key.curve === 'k256') return verifyK256(key, sha256(message), options?.allowHighS ? toLowS('k256', signature) : signature);
  if (!options?.allowHighS && !isLowS('p256', signature)) return false;
  return verify('sha256', message, { key: p256KeyObject(key), dsaEncoding: 'ieee-p1363' }, signature);
}

function verifyK256(key: PublicKey, digest: Uint8Array, signature: Uint8Array): boolean {
  let point = parsedK256.get(key.didKey);
  if (point === undefined) {
    point = uncompressedPoint(key);
    parsedK256.set(key.didKey, point);
  }
  if (!isLowS('k256', signature)) return false;
  try {
    return secp256k1.ecdsaVerify(signature, digest, point);
  } catch {
    // Thrown for r or s beyond the order; the point is known to be good.
    return false;
  }
}

function p256KeyObject(key: PublicKey): KeyObject {
  const known = parsedP256.get(key.didKey);
  if (known !== undefined) return known;
  const point = uncompressedPoint(key);
  const jwk = { kty: 'EC', crv: 'P-256', x: toBase64Url(point.subarray(1, 33)), y: toBase64Url(point.subarray(33)) };
  const keyObject = createPublicKey({ format: 'jwk', key: jwk });
  parsedP256.set(key.didKey, keyObject);
  return keyObject;
}
