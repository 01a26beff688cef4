/**
 * Session tokens that a server signs for itself with HMAC-SHA-256, in the form of the reference PDS: {typ, alg: "HS256"}.
 * Always checks: form, algorithm, type, signature, expiry. Does not check: scope, audience, subject, revocation.
 * Not for tokens between servers (crypto/service-jwt). Source: RFC 7519, RFC 9068; packages/pds of the reference.
 */
import { ProtocolError } from '../base/errors.ts';
import { utf8Encode } from '../base/bytes.ts';
import { constantTimeEqual } from './constant-time.ts';
import { hmacSha256 } from './hash.ts';
import { formatJwt, formatUnsignedJwt, parseJwt } from './jwt.ts';

/** Claims of a verified session token; `exp` is there and a number, the rest is the caller's to check. */
export type SessionJwtClaims = Readonly<Record<string, unknown>> & { readonly exp: number };

/** Gives a token. `typ` is "at+jwt" or "refresh+jwt"; claims go in as they are, `exp` in seconds among them. */
export function signHs256Jwt(o: { readonly typ: string; readonly claims: Readonly<Record<string, unknown>>; readonly secret: Uint8Array }): string {
  const unsigned = formatUnsignedJwt({ typ: o.typ, alg: 'HS256' }, o.claims);
  return formatJwt(unsigned, hmacSha256(o.secret, utf8Encode(unsigned)));
}

/**
 * Gives the claims of a token that this server signed.
 * @throws ProtocolError BadJwt (form, or no `exp`), BadJwtSignature (also for another algorithm), BadJwtType, JwtExpired (unless `allowExpired`)
 */
export function verifyHs256Jwt(token: string, o: {
  readonly typ: string | readonly string[];
  readonly secret: Uint8Array;
  readonly nowMs: number;
  readonly allowExpired?: boolean;
}): SessionJwtClaims {
  const { header, claims, signed, signature } = parseJwt(token);
  if (header['alg'] !== 'HS256' || !constantTimeEqual(hmacSha256(o.secret, signed), signature)) {
    throw new ProtocolError('BadJwtSignature', 'jwt is not signed by this server');
  }
  const types = typeof o.typ === 'string' ? [o.typ] : o.typ;
  if (typeof header['typ'] !== 'string' || !types.includes(header['typ'])) throw new ProtocolError('BadJwtType', 'jwt is of another type');
  const exp = claims['exp'];
  if (typeof exp !== 'number' || !Number.isFinite(exp)) throw new ProtocolError('BadJwt', 'jwt has no expiry');
  if (!o.allowExpired && o.nowMs / 1000 > exp) throw new ProtocolError('JwtExpired', 'jwt expired');
  return { ...claims, exp };
}
