/**
 * Secrets that must be kept for a while: sealed with a key of the process, bound to what they are for.
 * Not for passwords, which are hashed (`password.ts`), nor for anything that is only to be proved genuine.
 * Source: NIST SP 800-38D (AES-256-GCM), through node:crypto. Layout: 12 bytes of nonce, 16 of tag, the ciphertext.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { utf8Encode } from '../base/bytes.ts';
import { randomBytes } from './random.ts';

const nonceBytes = 12;
const tagBytes = 16;

/** Seals bytes with a key of 32 bytes; `purpose` must be the same at opening. A key seals at most 2³² times. */
export function seal(key: Uint8Array, plain: Uint8Array, purpose: string): Uint8Array {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(utf8Encode(purpose));
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return new Uint8Array(Buffer.concat([nonce, cipher.getAuthTag(), body]));
}

/** Opens what was sealed; null when the key or the purpose is another, or a bit was changed. */
export function unseal(key: Uint8Array, sealed: Uint8Array, purpose: string): Uint8Array | null {
  if (sealed.length < nonceBytes + tagBytes) return null;
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, nonceBytes)).setAAD(utf8Encode(purpose));
  decipher.setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes));
  try {
    return new Uint8Array(Buffer.concat([decipher.update(sealed.subarray(nonceBytes + tagBytes)), decipher.final()]));
  } catch {
    return null;
  }
}
