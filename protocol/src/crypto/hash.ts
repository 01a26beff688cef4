/**
 * SHA-256 and HMAC-SHA-256, through the one-shot calls of node:crypto, which are the quickest there are.
 * Not for passwords (see crypto/password). Source: FIPS 180-4, RFC 2104.
 */
import { createHash, createHmac, hash } from 'node:crypto';

/** Gives the 32 bytes of the SHA-256. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer');
}

/** Gives the 32 bytes of the HMAC. */
export function hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return createHmac('sha256', key).update(bytes).digest();
}

/** A SHA-256 over bytes that come piece by piece, as in an upload. */
export class Sha256Stream {
  readonly #hash = createHash('sha256');

  /** Takes the next piece. */
  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** Gives the 32 bytes; nothing may be added afterwards. */
  digest(): Uint8Array {
    return this.#hash.digest();
  }
}
