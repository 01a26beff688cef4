/**
 * SHA-256 and HMAC-SHA-256, through the one-shot calls of node:crypto, which are the quickest there are.
 * The digest is taken as a text of 32 characters and copied: making a Buffer costs Node three times the hash of a small block.
 * Not for passwords (see crypto/password). Source: FIPS 180-4, RFC 2104.
 */
import { createHash, createHmac, hash } from 'node:crypto';

const digestBytes = 32;

/** Gives the SHA-256 as 32 characters, one a byte: for comparing with bytes in place, and as a key of maps. */
export function sha256Latin1(data: Uint8Array | string): string {
  return hash('sha256', data, 'binary');
}

/** Gives the 32 bytes of the SHA-256. */
export function sha256(data: Uint8Array | string): Uint8Array {
  const text = sha256Latin1(data);
  const bytes = new Uint8Array(digestBytes);
  for (let index = 0; index < digestBytes; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
}

/** Tells whether the 32 bytes at `offset` are the SHA-256 of the data. */
export function isSha256At(bytes: Uint8Array, offset: number, data: Uint8Array): boolean {
  const text = sha256Latin1(data);
  for (let index = 0; index < digestBytes; index++) if (bytes[offset + index] !== text.charCodeAt(index)) return false;
  return true;
}

/** Gives the 32 bytes of the HMAC. */
export function hmacSha256(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac('sha256', key).update(bytes).digest());
}

/** Gives the 20 bytes of the HMAC with SHA-1, which one-time codes of authenticator apps are made of; for nothing else. */
export function hmacSha1(key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac('sha1', key).update(bytes).digest());
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
    return new Uint8Array(this.#hash.digest());
  }
}
