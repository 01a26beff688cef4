/**
 * Verifying ECDSA signatures over SHA-256: k256 by libsecp256k1, p256 by OpenSSL, each the quickest for its curve.
 * Always checks: 64 bytes, r and s in range, s in the lower half (unless `allowHighS`), the equation itself.
 * Does not check: whose key it is, or what the message means. A signature that cannot be read is simply not valid.
 * Parsing a key costs as much as verifying, so parsed keys are kept. Source: atproto.com/specs/cryptography.
 */
import { verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { growingCache } from '../base/growing-cache.ts';
import { sha256 } from './hash.ts';
import { nativeK256 } from './k256-native.ts';
import { isLowS, signatureBytes, toLowS } from './low-s.ts';
import { publicKeyObject } from './openssl-key.ts';
import { uncompressedPoint } from './did-key.ts';
import type { PublicKey } from './did-key.ts';

/** How strict a verification is. */
export interface VerifyOptions {
  /** Accepts both forms of a signature: for service tokens only, never for commits or directory operations. */
  readonly allowHighS?: boolean;
}

/** Parsed keys, by did:key. Bound: an entry is below 1 KiB, so below 64 MiB each; a relay's busy accounts fit. */
const maxParsedKeys = 65_536;
const parsedPoints = growingCache<string, Uint8Array>(maxParsedKeys);
const parsedKeys = growingCache<string, KeyObject>(maxParsedKeys);

/** Tells whether `signature` is the key's signature of the message. */
export function verifySignature(key: PublicKey, message: Uint8Array, signature: Uint8Array, options?: VerifyOptions): boolean {
  if (signature.length !== signatureBytes) return false;
  const low = options?.allowHighS ? toLowS(key.curve, signature) : signature;
  if (!isLowS(key.curve, low)) return false;
  return key.curve === 'k256' && nativeK256 !== null ? verifyNatively(nativeK256, key, message, low) : verifyByOpenssl(key, message, low);
}

function verifyNatively(native: NonNullable<typeof nativeK256>, key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
  let point = parsedPoints.get(key.didKey);
  if (point === undefined) {
    point = uncompressedPoint(key);
    parsedPoints.set(key.didKey, point);
  }
  try {
    return native.ecdsaVerify(signature, sha256(message), point);
  } catch {
    // Thrown for r or s beyond the order; the point is known to be good.
    return false;
  }
}

/** Verifies by OpenSSL alone, which does not look at the half in which s lies. For p256, and for k256 where there is no addon. */
export function verifyByOpenssl(key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
  let keyObject = parsedKeys.get(key.didKey);
  if (keyObject === undefined) {
    keyObject = publicKeyObject(key.curve, uncompressedPoint(key));
    parsedKeys.set(key.didKey, keyObject);
  }
  return verify('sha256', message, { key: keyObject, dsaEncoding: 'ieee-p1363' }, signature);
}
