/**
 * An account's e-mail address: confirmed as the person's own, or changed to another.
 * A confirmed address changes only with a code that was sent there; a new one begins unconfirmed, and all codes are void. The address
 * before is told of it: whoever got into an account could else take it over without a word.
 * Not here: HTTP. Source: behaviour and errors of the reference PDS.
 */
import { invalidRequest, type XrpcError } from '@dunlin/service/xrpc/errors';
import type { Clock } from '@dunlin/protocol/base/clock';
import type { MailCodes } from '../mail/mail-codes.ts';
import type { AccountLetters } from '../mail/account-letters.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import { checkEmail } from '../account/email-rules.ts';

/** Changes e-mail addresses. */
export class EmailChanges {
  readonly #accounts: AccountStore;
  readonly #codes: MailCodes;
  readonly #letters: AccountLetters;
  readonly #groups: GroupCommit;
  readonly #clock: Clock;

  constructor(o: { accounts: AccountStore; mailCodes: MailCodes; accountLetters: AccountLetters; groups: GroupCommit; clock: Clock }) {
    this.#accounts = o.accounts;
    this.#codes = o.mailCodes;
    this.#letters = o.accountLetters;
    this.#groups = o.groups;
    this.#clock = o.clock;
  }

  /** Sends a code that confirms the address. @throws XrpcError 400, 502 */
  requestConfirmation(account: Account): Promise<void> {
    return this.#codes.send(account, 'confirm_email');
  }

  /** Confirms the address with the code. @throws XrpcError 400 InvalidEmail, InvalidToken, ExpiredToken */
  async confirm(account: Account, email: string, code: string): Promise<void> {
    await this.#groups.write(() => {
      const present = this.#accounts.byId(account.id);
      if (present === null || present.email !== email.trim().toLowerCase()) throw invalidRequest('invalid email', 'InvalidEmail');
      this.#codes.use(account.id, 'confirm_email', code);
      this.#accounts.setEmailConfirmed(account.id, this.#clock.nowMs());
    });
  }

  /** Sends a code that lets the address change, when it is confirmed; resolves with whether one is needed. @throws XrpcError 400, 502 */
  async requestUpdate(account: Account): Promise<{ tokenRequired: boolean }> {
    if (account.email === null) throw invalidRequest('account does not have an email address');
    if (account.emailConfirmedAtMs === null) return { tokenRequired: false };
    await this.#codes.send(account, 'update_email');
    return { tokenRequired: true };
  }

  /** Changes the address; `code` is needed when the present one is confirmed. @throws XrpcError 400 TokenRequired, InvalidToken, ExpiredToken, InvalidRequest */
  async update(account: Account, email: string, code: string | null): Promise<void> {
    checkEmail(email);
    const before = await this.#groups.write(() => {
      this.#accounts.checkEra(account);
      const isConfirmed = (this.#accounts.byId(account.id)?.emailConfirmedAtMs ?? null) !== null;
      if (code === null && isConfirmed) throw invalidRequest('confirmation token required', 'TokenRequired');
      if (code !== null) this.#codes.check(account.id, 'update_email', code);
      return this.#set(account.id, email);
    });
    this.#tell(account, { before, email, isOperators: false });
  }

  /** Changes the address in the operator's name. @throws XrpcError 400 */
  async set(account: Account, email: string): Promise<void> {
    checkEmail(email);
    const before = await this.#groups.write(() => this.#set(account.id, email));
    this.#tell(account, { before, email, isOperators: true });
  }

  #tell({ handle }: Account, { before, email, isOperators }: { before: string | null; email: string; isOperators: boolean }): void {
    if (before !== email.toLowerCase()) this.#letters.send({ email: before, handle }, { kind: 'emailChanged', isOperators });
  }

  /** Gives the address before. */
  #set(accountId: number, email: string): string | null {
    const holder = this.#accounts.byEmail(email);
    if (holder !== null && holder.id !== accountId) throw taken();
    const before = this.#accounts.byId(accountId)?.email ?? null;
    this.#accounts.setEmail(accountId, email);
    this.#codes.forget(accountId);
    return before;
  }
}

function taken(): XrpcError {
  return invalidRequest('This email address is already in use, please use a different email.');
}
