/**
 * Reads credentials from requests: bearer tokens, and the operator's password over HTTP Basic with a lock-out.
 * Not for judging tokens: sessions and service tokens are checked by whoever issued or expects them.
 * Comparisons take constant time; failures cost the address points, so that guessing stays slow.
 * Source: XRPC spec; error names and texts as the reference PDS gives them.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '@dunlin/protocol/base/clock';
import { utf8Encode } from '@dunlin/protocol/base/bytes';
import { constantTimeEqual } from '@dunlin/protocol/crypto/constant-time';
import { sha256 } from '@dunlin/protocol/crypto/hash';
import { limitKey } from '../http/client-address.ts';
import { RateLimiter } from '../http/rate-limit.ts';
import { invalidRequest, XrpcError } from './errors.ts';

/** What of a call authentication looks at. */
export interface Credentials {
  readonly headers: IncomingHttpHeaders;
  readonly ip: string;
}

/** An Authorization header taken apart. */
export interface Authorization {
  /** In lower case: 'bearer', 'basic', 'dpop', … */
  readonly scheme: string;
  readonly value: string;
}

/** Gives the Authorization header in parts; null when there is none. */
export function readAuthorization(headers: IncomingHttpHeaders): Authorization | null {
  const header = headers.authorization?.trim();
  if (header === undefined || header === '') return null;
  const space = header.indexOf(' ');
  return space === -1 ? { scheme: header.toLowerCase(), value: '' } : { scheme: header.slice(0, space).toLowerCase(), value: header.slice(space + 1).trim() };
}

/**
 * Gives the bearer token.
 * @throws XrpcError 401 AuthMissing without a header, 400 InvalidToken for another scheme, or none or more than one token
 */
export function bearerToken(call: Pick<Credentials, 'headers'>): string {
  const authorization = readAuthorization(call.headers);
  if (authorization === null) throw new XrpcError(401, 'AuthMissing', 'Authentication Required');
  if (authorization.scheme !== 'bearer') {
    const shown = call.headers.authorization?.trim().split(' ', 1)[0]?.slice(0, 32) ?? '';
    throw invalidRequest(authorization.scheme === 'basic' ? 'Unexpected authorization type' : `Unsupported authorization type: ${shown}`, 'InvalidToken');
  }
  if (!/^\S+$/.test(authorization.value)) throw invalidRequest('Malformed authorization header', 'InvalidToken');
  return authorization.value;
}

/** Gives the bearer token, or null when the request brings none. */
export function optionalBearerToken(call: Pick<Credentials, 'headers'>): string | null {
  return readAuthorization(call.headers)?.scheme === 'bearer' ? bearerToken(call) : null;
}

/** Checks the operator's password; throws when it is not right. */
export type AdminAuth = (call: Credentials) => { readonly isAdmin: true };

/** Wrong passwords an address may send in `lockOutMs` before it must wait. */
const maxWrongPasswords = 10;
const lockOutMs = 300_000;

/**
 * Makes the check of `Authorization: Basic admin:PASSWORD`. With password null nobody gets in; of several, any will do, so that one
 * can be exchanged while the other still works.
 * After ten wrong passwords an address gets 429 until its points grow back, even with the right one.
 */
export function createAdminAuth(password: string | readonly string[] | null, o: { readonly clock?: Clock; readonly user?: string } = {}): AdminAuth {
  const wrong = new RateLimiter({ points: maxWrongPasswords, windowMs: lockOutMs, ...(o.clock && { clock: o.clock }) });
  const passwords = typeof password === 'string' ? [password] : (password ?? []);
  const expected = passwords.map((each) => digest(`${o.user ?? 'admin'}:${each}`));
  return (call) => {
    const authorization = readAuthorization(call.headers);
    if (authorization?.scheme !== 'basic') throw refusal();
    const lock = wrong.spend(limitKey(call.ip), 0);
    if (lock.remaining < 1) throw new XrpcError(429, 'RateLimitExceeded', 'too many wrong passwords', { 'retry-after': String(Math.ceil(lockOutMs / maxWrongPasswords / 1_000)) });
    const given = digest(Buffer.from(authorization.value, 'base64').toString('utf8'));
    // All of them are compared, whichever is right.
    const isRight = expected.reduce((isOne, each) => constantTimeEqual(given, each) || isOne, false);
    if (isRight) return { isAdmin: true };
    wrong.spend(limitKey(call.ip));
    throw refusal();
  };
}

/** Digests have one length, so comparing them tells nothing of the length of what they stand for. */
function digest(text: string): Uint8Array {
  return sha256(utf8Encode(text));
}

function refusal(): XrpcError {
  return new XrpcError(401, 'AuthenticationRequired', 'Authentication Required', { 'www-authenticate': 'Basic realm="admin"' });
}
