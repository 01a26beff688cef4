/**
 * Says who sends a service token: signed by the account's own key, meant for this service and this method, short-lived, used once.
 * Not for sessions (session.ts). Tokens never reach the log.
 * Source: AT Protocol spec "Inter-Service Authentication"; the single use of jti is ours, see docs/gateway.md.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { verifyServiceJwt } from '@dunlin/protocol/crypto/service-jwt';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';

/** Longest life of a token, in seconds. */
export const maxTokenSeconds = 60;

/** How long a used token is remembered, in ms: longer than any token lives. */
const rememberMs = 120_000;
const maxRemembered = 200_000;

/** Parts. */
export interface TokenCheckOptions {
  /** DID of this service; tokens may name it with the id of a service entry behind it. */
  readonly audience: () => string;
  readonly resolver: IdentityResolver;
  readonly clock: Clock;
}

/** Who sent a token, or why it is no good (a sentence without the token). `isOurFault`: it could not be checked. */
export type TokenVerdict = { readonly did: string } | { readonly error: string; readonly isOurFault: boolean };

/** Checks tokens and remembers the used ones. */
export class TokenCheck {
  readonly #o: TokenCheckOptions;
  /** Used tokens by issuer and jti, oldest first, with the time until which they are remembered. */
  readonly #used = new Map<string, number>();

  constructor(o: TokenCheckOptions) {
    this.#o = o;
  }

  /** Checks a token for a method; the same token is good only once. */
  async check(token: string, method: string): Promise<TokenVerdict> {
    try {
      const claims = await verifyServiceJwt(token, {
        audiences: [this.#o.audience()],
        lxm: method,
        nowMs: this.#o.clock.nowMs(),
        maxLifetimeSeconds: maxTokenSeconds,
        signingKey: async (did, forceRefresh) => (await this.#o.resolver.resolveDid(did, { refresh: forceRefresh }))?.signingKey ?? null,
      });
      const [did] = claims.iss.split('#', 1);
      if (claims.jti === null) return { error: 'token has no jti', isOurFault: false };
      return this.#use(`${did} ${claims.jti}`) ?? { did };
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return { error: error.message, isOurFault: error.code === 'IdentityUnavailable' };
    }
  }

  /** Notes that a token is used now; gives the refusal if it was before, or if no more can be remembered. */
  #use(key: string): { error: string; isOurFault: boolean } | null {
    const nowMs = this.#o.clock.elapsedMs();
    for (const [oldest, untilMs] of this.#used) {
      if (untilMs > nowMs) break;
      this.#used.delete(oldest);
    }
    if (this.#used.has(key)) return { error: 'token was used before', isOurFault: false };
    if (this.#used.size >= maxRemembered) return { error: 'too many tokens are in use', isOurFault: true };
    this.#used.set(key, nowMs + rememberMs);
    return null;
  }
}
