/**
 * How accounts end: at once, with password and code, or later, at the time chosen when the account was deactivated.
 * The date is looked at every few minutes; whoever activates the account before it stays.
 * Not here: what a deletion does (`standing.ts`), HTTP. Source: lexicons com.atproto.server.deleteAccount and deactivateAccount
 * (`deleteAfter`, which the reference PDS keeps but never acts upon).
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import type { MailCodes } from '../mail/mail-codes.ts';
import type { Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { PasswordCheck } from '../account/password-check.ts';
import type { AccountStanding } from './standing.ts';

/** How often deletion dates are looked at, in ms. */
export const departuresEveryMs = 5 * 60_000;

/** Ends accounts. */
export class Departures {
  readonly #accounts: AccountStore;
  readonly #passwords: PasswordCheck;
  readonly #codes: MailCodes;
  readonly #standing: AccountStanding;
  readonly #clock: Clock;

  constructor(o: { accounts: AccountStore; passwords: PasswordCheck; mailCodes: MailCodes; standing: AccountStanding; clock: Clock }) {
    this.#accounts = o.accounts;
    this.#passwords = o.passwords;
    this.#codes = o.mailCodes;
    this.#standing = o.standing;
    this.#clock = o.clock;
  }

  /** Sends a code that lets the account be deleted. @throws XrpcError 400, 502 */
  requestDeletion(account: Account): Promise<void> {
    return this.#codes.send(account, 'delete_account');
  }

  /** Deletes an account with its password and the code. @throws XrpcError 400 InvalidToken, ExpiredToken, InvalidRequest, 401 AuthenticationRequired */
  async delete(did: string, password: string, code: string): Promise<void> {
    const account = this.#accounts.byDid(did);
    if (account === null) throw invalidRequest('account not found');
    if (!(await this.#passwords.matches(password, this.#accounts.passwordHash(account.id)))) {
      throw new XrpcError(401, 'AuthenticationRequired', 'Invalid did or password');
    }
    this.#codes.check(account.id, 'delete_account', code);
    await this.#standing.delete(account);
  }

  /** Deletes every deactivated account whose date is past; `signal` ends it after the account that is under way. */
  async deleteDue(signal: AbortSignal): Promise<void> {
    for (const { id } of this.#accounts.withDeletionDate()) {
      if (signal.aborted) return;
      const account = this.#accounts.byId(id);
      if (account !== null && this.#isDue(account)) await this.#standing.delete(account);
    }
  }

  /** A date that cannot be read deletes nothing. */
  #isDue({ deactivatedAtMs, deleteAfter }: Account): boolean {
    return deactivatedAtMs !== null && deleteAfter !== null && Date.parse(deleteAfter) <= this.#clock.nowMs();
  }
}
