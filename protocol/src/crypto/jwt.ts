/**
 * The compact form of JSON Web Tokens: three base64url parts, taken apart and put together.
 * Knows nothing of keys, claims or times: crypto/service-jwt and crypto/session-jwt check those.
 * Source: RFC 7515 section 7.1, RFC 7519.
 */
import { fromBase64Url, toBase64Url, utf8Decode, utf8Encode } from '../base/bytes.ts';
import { ProtocolError } from '../base/errors.ts';
import { maxJwtLength } from '../base/limits.ts';

/** A token taken apart; nothing in it has been verified. */
export interface JwtParts {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  /** The bytes that were signed. */
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/** Gives the first two parts of a token, which are what gets signed. */
export function formatUnsignedJwt(header: object, claims: object): string {
  return `${toBase64Url(utf8Encode(JSON.stringify(header)))}.${toBase64Url(utf8Encode(JSON.stringify(claims)))}`;
}

/** Gives the whole token. */
export function formatJwt(unsigned: string, signature: Uint8Array): string {
  return `${unsigned}.${toBase64Url(signature)}`;
}

/**
 * Takes a token apart.
 * @throws ProtocolError BadJwt when it is longer than `maxJwtLength`, not three parts of base64url, or not JSON objects
 */
export function parseJwt(token: string): JwtParts {
  const parts = token.length <= maxJwtLength ? token.split('.') : [];
  const [header, claims, signature] = parts;
  if (parts.length !== 3 || header === undefined || claims === undefined || signature === undefined) {
    throw new ProtocolError('BadJwt', 'poorly formatted jwt');
  }
  try {
    return {
      header: parseObject(header),
      claims: parseObject(claims),
      signed: utf8Encode(`${header}.${claims}`),
      signature: fromBase64Url(signature),
    };
  } catch (cause) {
    throw new ProtocolError('BadJwt', 'poorly formatted jwt', { cause });
  }
}

function parseObject(part: string): Record<string, unknown> {
  const value: unknown = JSON.parse(utf8Decode(fromBase64Url(part)));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ProtocolError('BadJwt', 'jwt part is not an object');
  return Object.assign(Object.create(null) as Record<string, unknown>, value);
}
