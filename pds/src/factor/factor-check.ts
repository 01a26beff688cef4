/**
 * Asks for the second factor of an account that has one, and checks what is typed: a code of the authenticator app, a recovery code or
 * a sign-in code, each good once. Tries are few: 5 in a quarter of an hour, 30 a day, for each account, however many sign-ins they are
 * spread over. App passwords pass: they are for programs that cannot ask, and can do less.
 * Source: error names as clients of the reference know them (AuthFactorTokenRequired makes them ask); RFC 6238, 5.2 (once only).
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { RateLimiter } from '@dunlin/service/http/rate-limit';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import type { Authenticated } from '../account/sessions.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { FactorStore } from './factor-store.ts';
import type { SignInCodes } from './sign-in-codes.ts';
import { matchingStep } from './totp.ts';
import { readFactor, writtenCodeHash } from './written-code.ts';

/** Wrong codes an account may be given: points in a window of ms. */
export const tryLimits = [[5, 15 * 60_000], [30, 24 * 3_600_000]] as const;

/** Checks second factors. */
export class FactorCheck {
  readonly #store: FactorStore;
  readonly #codes: SignInCodes;
  readonly #groups: GroupCommit;
  readonly #clock: Clock;
  readonly #limits: readonly RateLimiter[];

  constructor(o: { store: FactorStore; codes: SignInCodes; groups: GroupCommit; clock: Clock }) {
    this.#store = o.store;
    this.#codes = o.codes;
    this.#groups = o.groups;
    this.#clock = o.clock;
    this.#limits = tryLimits.map(([points, windowMs]) => new RateLimiter({ points, windowMs, clock: o.clock }));
  }

  /** Tells whether the account has a second factor. */
  isRequired(accountId: number): boolean {
    return this.#store.isAny(accountId);
  }

  /**
   * Lets a sign-in with a right password go on, or not.
   * @throws XrpcError 401 AuthFactorTokenRequired, 400 InvalidToken, 429 RateLimitExceeded
   */
  async pass({ account, appPassword }: Authenticated, typed: string | undefined): Promise<void> {
    if (appPassword !== null || !this.isRequired(account.id)) return;
    if (typed === undefined || typed.trim() === '') {
      throw new XrpcError(401, 'AuthFactorTokenRequired', 'A second factor is needed: a code of your authenticator app, a recovery code, or a sign-in code from the security page of your server');
    }
    await this.check(account, typed);
  }

  /** Uses up what was typed. @throws XrpcError 400 InvalidToken, 429 RateLimitExceeded */
  async check({ id }: { id: number }, typed: string): Promise<void> {
    const key = String(id);
    for (const limiter of this.#limits) {
      const { isAllowed, retryAfterSeconds } = limiter.spend(key);
      if (!isAllowed) throw new XrpcError(429, 'RateLimitExceeded', 'too many wrong codes, try again later', { 'retry-after': String(retryAfterSeconds) });
    }
    if (!(await this.#use(id, typed))) throw invalidRequest('Token is invalid', 'InvalidToken');
    for (const limiter of this.#limits) limiter.reset(key);
  }

  async #use(accountId: number, typed: string): Promise<boolean> {
    const factor = readFactor(typed);
    switch (factor.kind) {
      case 'neither':
        return false;
      case 'totp': {
        const totp = this.#store.totp(accountId);
        const step = totp?.isConfirmed === true ? matchingStep(totp.secret, factor.code, this.#clock.nowMs()) : null;
        return step !== null && (await this.#groups.write(() => this.#store.useStep(accountId, step)));
      }
      case 'written': {
        const hash = writtenCodeHash(accountId, factor.code);
        return this.#codes.use(accountId, hash) || (await this.#groups.write(() => this.#store.useRecoveryCode(accountId, hash)));
      }
    }
  }
}
