/**
 * Says who sends a service token: signed by the account's own key, meant for this service and this method, short-lived, used once.
 * Not for sessions (session.ts). Tokens never reach the log.
 * Source: AT Protocol spec "Inter-Service Authentication"; the single use of jti is ours, see docs/gateway.md.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { sha256Latin1 } from '@dunlin/protocol/crypto/hash';
import { verifyServiceJwt } from '@dunlin/protocol/crypto/service-jwt';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';

/** Longest life of a token, in seconds. */
export const maxTokenSeconds = 60;

/** How long a used token is remembered, in ms: longer than any token lives. */
const rememberMs = 120_000;
const maxRemembered = 200_000;

/** Most used tokens that are remembered of one account, so that nobody can fill the memory of all. */
export const maxTokensPerAccount = 1_000;

/** A key that was looked up so lately is not looked up anew for a signature that does not fit: anybody can write those, for any DID. */
export const keyMaxAgeMs = 10_000;

interface UsedToken {
  readonly did: string;
  readonly untilMs: number;
}

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
  /** Used tokens by a digest of issuer and jti, oldest first. */
  readonly #used = new Map<string, UsedToken>();
  /** How many of them each account has. */
  readonly #perAccount = new Map<string, number>();

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
        signingKey: async (did, isAgain) => (await this.#o.resolver.resolveDid(did, isAgain ? { maxAgeMs: keyMaxAgeMs } : {}))?.signingKey ?? null,
      });
      const [did] = claims.iss.split('#', 1);
      if (claims.jti === null) return { error: 'token has no jti', isOurFault: false };
      return this.#use(did, claims.jti) ?? { did };
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return { error: error.message, isOurFault: error.code === 'IdentityUnavailable' };
    }
  }

  /** Notes that a token is used now; gives the refusal if it was before, or if no more can be remembered. */
  #use(did: string, jti: string): { error: string; isOurFault: boolean } | null {
    const nowMs = this.#o.clock.elapsedMs();
    this.#forget(nowMs);
    const key = sha256Latin1(`${did} ${jti}`);
    const ofAccount = this.#perAccount.get(did) ?? 0;
    if (this.#used.has(key)) return { error: 'token was used before', isOurFault: false };
    if (ofAccount >= maxTokensPerAccount) return { error: 'too many tokens of this account are in use', isOurFault: true };
    if (this.#used.size >= maxRemembered) return { error: 'too many tokens are in use', isOurFault: true };
    this.#used.set(key, { did, untilMs: nowMs + rememberMs });
    this.#perAccount.set(did, ofAccount + 1);
    return null;
  }

  #forget(nowMs: number): void {
    for (const [key, { did, untilMs }] of this.#used) {
      if (untilMs > nowMs) return;
      this.#used.delete(key);
      const left = (this.#perAccount.get(did) ?? 1) - 1;
      if (left > 0) this.#perAccount.set(did, left);
      else this.#perAccount.delete(did);
    }
  }
}
