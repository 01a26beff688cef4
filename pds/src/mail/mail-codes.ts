/**
 * Codes by which a person shows that mail to the account's address reaches them: made, sent, checked, used up.
 * One lives at a time for each purpose, for fifteen minutes; letters may be typed in either case. An account gets few of each, whoever
 * asks: anybody may ask for a new password of somebody else's account.
 * A code is durable before its mail goes out, and the mail is with the mail server before the caller is answered.
 * Not here: what a code then allows (`account/`, `identity/`). Source: form, life and errors as the reference PDS.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { constantTimeEqual } from '@dunlin/protocol/crypto/constant-time';
import { utf8Encode } from '@dunlin/protocol/base/bytes';
import { RateLimiter } from '@dunlin/service/http/rate-limit';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import { randomCode } from '../account/random-code.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { CodePurpose, CodeStore, MailCode } from './code-store.ts';
import { codeLetter } from './letters.ts';
import type { Mailer } from './mailer.ts';

/** How long a code holds, in ms. */
export const codeLifeMs = 15 * 60_000;

/** Most codes of one purpose that an account is sent: points in a window of ms. */
export const sentLimit = { points: 20, windowMs: 3_600_000 } as const;

/** Makes, sends and checks codes. */
export class MailCodes {
  readonly #store: CodeStore;
  readonly #mailer: Mailer;
  readonly #groups: GroupCommit;
  readonly #clock: Clock;
  readonly #limit: RateLimiter;

  constructor(o: { codes: CodeStore; mailer: Mailer; groups: GroupCommit; clock: Clock }) {
    this.#store = o.codes;
    this.#mailer = o.mailer;
    this.#groups = o.groups;
    this.#clock = o.clock;
    this.#limit = new RateLimiter({ ...sentLimit, clock: o.clock });
  }

  /**
   * Makes a code and sends it to the account's address; without a mail server it is only kept, for the operator to read out.
   * @throws XrpcError 400 when the account has no address, 429 RateLimitExceeded, 502 UpstreamFailure when the mail server does not take it
   */
  async send(account: Account, purpose: CodePurpose): Promise<void> {
    if (account.email === null) throw invalidRequest('account does not have an email address');
    const { isAllowed, retryAfterSeconds } = this.#limit.spend(`${account.id} ${purpose}`);
    if (!isAllowed) throw new XrpcError(429, 'RateLimitExceeded', 'too many codes were sent, look for the last one or try again later', { 'retry-after': String(retryAfterSeconds) });
    const code = randomCode([5, 5]).toUpperCase();
    await this.#groups.write(() => this.#store.put({ accountId: account.id, purpose, code, requestedAtMs: this.#clock.nowMs() }));
    await this.#mailer.send(account.email, codeLetter(purpose, { code, handle: account.handle }));
  }

  /** Checks a code of an account; it still holds afterwards. @throws XrpcError 400 InvalidToken, ExpiredToken */
  check(accountId: number, purpose: CodePurpose, typed: string): void {
    this.#assertHolds(this.#store.find(accountId, purpose), typed);
  }

  /** Checks a code whose account is not known, and gives the account's id. @throws XrpcError 400 InvalidToken, ExpiredToken */
  checkHolder(purpose: CodePurpose, typed: string): number {
    return this.#assertHolds(this.#store.byCode(purpose, normal(typed)), typed).accountId;
  }

  /** Checks a code of an account and uses it up, within a group. @throws XrpcError 400 InvalidToken, ExpiredToken */
  use(accountId: number, purpose: CodePurpose, typed: string): void {
    this.check(accountId, purpose, typed);
    this.#store.remove(accountId, purpose);
  }

  /** Forgets the code of a purpose, or all of an account, within a group. */
  forget(accountId: number, purpose?: CodePurpose): void {
    if (purpose === undefined) this.#store.removeAll(accountId);
    else this.#store.remove(accountId, purpose);
  }

  /** Lists the codes of an account that hold, for the operator. */
  list(accountId: number): MailCode[] {
    return this.#store.of(accountId).filter((code) => !this.#isOver(code));
  }

  /** Lists the codes of all accounts that hold, the newest first, up to `limit`. */
  listAll(limit: number): MailCode[] {
    return this.#store.since(this.#clock.nowMs() - codeLifeMs, limit);
  }

  #assertHolds(code: MailCode | null, typed: string): MailCode {
    if (code === null || !constantTimeEqual(utf8Encode(code.code), utf8Encode(normal(typed)))) throw invalidToken();
    if (this.#isOver(code)) throw invalidRequest('Token is expired', 'ExpiredToken');
    return code;
  }

  #isOver({ requestedAtMs }: MailCode): boolean {
    return this.#clock.nowMs() - requestedAtMs >= codeLifeMs;
  }
}

function normal(typed: string): string {
  return typed.trim().toUpperCase();
}

function invalidToken(): XrpcError {
  return invalidRequest('Token is invalid', 'InvalidToken');
}
