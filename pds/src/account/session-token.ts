/**
 * Session tokens: the access token a client shows with every call, and the refresh token that gets it a new pair.
 * JWTs signed with the server's own secret; clients of the network read scope and expiry out of them, so the form is fixed.
 * Not here: whether a refresh token was revoked (`refresh-token-store.ts`), what a scope may do (`api/`).
 * Source: behaviour of the reference PDS (claims, lives, names of scopes).
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { growingCache } from '@dunlin/protocol/base/growing-cache';
import { randomBytes } from '@dunlin/protocol/crypto/random';
import { signHs256Jwt, verifyHs256Jwt, type SessionJwtClaims } from '@dunlin/protocol/crypto/session-jwt';

/** Life of an access token, in seconds. */
export const accessLifeSeconds = 120 * 60;

/** Life of a refresh token, in seconds. */
export const refreshLifeSeconds = 90 * 24 * 60 * 60;

/** Most access tokens whose verification is remembered; one takes about half a kilobyte. */
const maxVerifiedTokens = 10_000;

/** What an access token lets its holder do. */
export type AccessScope = 'com.atproto.access' | 'com.atproto.appPassPrivileged' | 'com.atproto.appPass' | 'com.atproto.takendown';

const accessScopes: readonly string[] = ['com.atproto.access', 'com.atproto.appPassPrivileged', 'com.atproto.appPass', 'com.atproto.takendown'];
const refreshScope = 'com.atproto.refresh';

/** A refresh token with what the server must remember of it. */
export interface MintedRefresh {
  readonly token: string;
  readonly jti: string;
  readonly expiresAtMs: number;
}

/** An access token that holds. */
export interface AccessClaims {
  readonly did: string;
  readonly scope: AccessScope;
  /** Of the account's sessions when it was made (`Account.sessionEra`). */
  readonly era: number;
}

/** A refresh token that holds, but for revocation. */
export interface RefreshClaims {
  readonly did: string;
  readonly jti: string;
}

/** Why a token does not hold: its time is over, it is of another kind, or it is not ours at all. */
export type TokenRefusal = 'expired' | 'wrong-scope' | 'invalid';

/** Gives a new name for a refresh token: 32 random bytes in base64 without padding. */
export function newRefreshId(): string {
  return Buffer.from(randomBytes(32)).toString('base64').replaceAll('=', '');
}

/** Makes and checks session tokens of one server. */
export class SessionTokens {
  readonly #secret: Uint8Array;
  readonly #audiences: () => readonly string[];
  readonly #clock: Clock;
  /** Access tokens whose signature was verified, with what they say; time is looked at anew each time. */
  readonly #verified = growingCache<string, AccessClaims & { readonly expiresAtMs: number }>(maxVerifiedTokens);

  /** `audiences` gives the DIDs of this server, which are known once it listens: tokens are made for the first, and of any of them hold. */
  constructor(o: { secret: string; audiences: () => readonly string[]; clock: Clock }) {
    this.#secret = Buffer.from(o.secret);
    this.#audiences = o.audiences;
    this.#clock = o.clock;
  }

  /** Makes an access token; the first era goes without saying, as in the reference's tokens. */
  mintAccess(did: string, scope: AccessScope, era = 0): string {
    const iat = this.#nowSeconds();
    return this.#sign('at+jwt', { scope, aud: this.#audiences()[0], sub: did, ...(era > 0 && { era }), iat, exp: iat + accessLifeSeconds });
  }

  /** Makes a refresh token under a name. */
  mintRefresh(did: string, jti: string): MintedRefresh {
    const iat = this.#nowSeconds();
    const exp = iat + refreshLifeSeconds;
    const token = this.#sign('refresh+jwt', { scope: refreshScope, aud: this.#audiences()[0], sub: did, jti, iat, exp });
    return { token, jti, expiresAtMs: exp * 1000 };
  }

  /** Checks an access token. Does not check: that the account exists and is active, and in that era. */
  verifyAccess(token: string): AccessClaims | TokenRefusal {
    const known = this.#verified.get(token);
    if (known !== undefined) return this.#clock.nowMs() <= known.expiresAtMs ? known : 'expired';
    const claims = this.#verify(token, ['at+jwt'], false);
    if (typeof claims === 'string') return claims;
    const { sub, scope, exp, era = 0 } = claims;
    if (typeof sub !== 'string' || typeof scope !== 'string' || typeof era !== 'number') return 'invalid';
    if (!accessScopes.includes(scope)) return 'wrong-scope';
    const verified = { did: sub, scope: scope as AccessScope, era, expiresAtMs: exp * 1000 };
    this.#verified.set(token, verified);
    return verified;
  }

  /** Checks a refresh token; an expired one passes where it is only to be given up. Does not check: revocation. */
  verifyRefresh(token: string, { allowExpired = false } = {}): RefreshClaims | TokenRefusal {
    const claims = this.#verify(token, ['refresh+jwt'], allowExpired);
    if (typeof claims === 'string') return claims;
    const { sub, jti, scope } = claims;
    if (scope !== refreshScope) return 'wrong-scope';
    return typeof sub === 'string' && typeof jti === 'string' ? { did: sub, jti } : 'invalid';
  }

  #sign(typ: string, claims: Readonly<Record<string, unknown>>): string {
    return signHs256Jwt({ typ, claims, secret: this.#secret });
  }

  #verify(token: string, typ: readonly string[], allowExpired: boolean): SessionJwtClaims | TokenRefusal {
    try {
      const claims = verifyHs256Jwt(token, { typ, secret: this.#secret, nowMs: this.#clock.nowMs(), allowExpired });
      // Tokens made for one method (`lxm`) or bound to a key (`cnf`) are no sessions.
      const isSession = typeof claims['aud'] === 'string' && this.#audiences().includes(claims['aud']) && claims['lxm'] === undefined && claims['cnf'] === undefined;
      return isSession ? claims : 'invalid';
    } catch (fault) {
      if (fault instanceof ProtocolError) return fault.code === 'JwtExpired' ? 'expired' : 'invalid';
      throw fault;
    }
  }

  #nowSeconds(): number {
    return Math.floor(this.#clock.nowMs() / 1000);
  }
}
