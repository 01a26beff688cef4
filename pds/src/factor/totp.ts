/**
 * One-time codes of authenticator apps: six digits, a new one every thirty seconds, from a shared secret and the time.
 * One step early or late is allowed for clocks that go wrong. Not here: that a code is used once (`factor-check.ts`).
 * Source: RFC 6238 and RFC 4226 with HMAC-SHA-1, the only kind that every app knows; Key Uri Format for the otpauth: address.
 */
import { toBase32 } from '@dunlin/protocol/base/bytes';
import { constantTimeEqual } from '@dunlin/protocol/crypto/constant-time';
import { hmacSha1 } from '@dunlin/protocol/crypto/hash';
import { randomBytes } from '@dunlin/protocol/crypto/random';

/** Length of one step, in seconds. */
export const stepSeconds = 30;

/** How many steps early or late a code may be. */
export const stepTolerance = 1;

const secretBytes = 20;
const digits = 6;

/** Gives a new secret. */
export function newTotpSecret(): Uint8Array {
  return randomBytes(secretBytes);
}

/** Gives the step that a moment is in. */
export function totpStep(nowMs: number): number {
  return Math.floor(nowMs / 1000 / stepSeconds);
}

/** Gives the code of a step. */
export function totpCode(secret: Uint8Array, step: number): string {
  const counter = new Uint8Array(8);
  new DataView(counter.buffer).setBigUint64(0, BigInt(step));
  const mac = new DataView(hmacSha1(secret, counter).buffer);
  const number = mac.getUint32(mac.getUint8(19) & 0x0f) & 0x7fff_ffff;
  return String(number % 10 ** digits).padStart(digits, '0');
}

/** Gives the step that a code belongs to, within the tolerance of now, or null. Time taken does not tell which digits are right. */
export function matchingStep(secret: Uint8Array, code: string, nowMs: number): number | null {
  const now = totpStep(nowMs);
  let found: number | null = null;
  for (let step = now - stepTolerance; step <= now + stepTolerance; step++) {
    if (constantTimeEqual(totpCode(secret, step), code)) found = step;
  }
  return found;
}

/** Gives a secret as people type it: base32 in capitals. */
export function shownSecret(secret: Uint8Array): string {
  return toBase32(secret).toUpperCase();
}

/** Gives the address that authenticator apps read from a QR code. */
export function totpUri(secret: Uint8Array, { issuer, name }: { issuer: string; name: string }): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(name)}`;
  return `otpauth://totp/${label}?secret=${shownSecret(secret)}&issuer=${encodeURIComponent(issuer)}&algorithm=SHA1&digits=${digits}&period=${stepSeconds}`;
}
