/**
 * An account's e-mail address: confirmed as the person's own, or changed to another.
 * A confirmed address changes only with a code that was sent there; a new one begins unconfirmed, and all codes are void.
 * Not here: HTTP. Source: behaviour and errors of the reference PDS.
 */
import { invalidRequest, type XrpcError } from '@dunlin/service/xrpc/errors';
import type { Clock } from '@dunlin/protocol/base/clock';
import type { MailCodes } from '../mail/mail-codes.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { Account } from './account.ts';
import type { AccountStore } from './account-store.ts';
import { checkEmail } from './email-rules.ts';

/** Changes e-mail addresses. */
export class EmailChanges {
  readonly #accounts: AccountStore;
  readonly #codes: MailCodes;
  readonly #groups: GroupCommit;
  readonly #clock: Clock;

  constructor(o: { accounts: AccountStore; mailCodes: MailCodes; groups: GroupCommit; clock: Clock }) {
    this.#accounts = o.accounts;
    this.#codes = o.mailCodes;
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
    await this.#groups.write(() => {
      const isConfirmed = (this.#accounts.byId(account.id)?.emailConfirmedAtMs ?? null) !== null;
      if (code === null && isConfirmed) throw invalidRequest('confirmation token required', 'TokenRequired');
      if (code !== null) this.#codes.check(account.id, 'update_email', code);
      this.#set(account.id, email);
    });
  }

  /** Changes the address in the operator's name. @throws XrpcError 400 */
  async set(account: Account, email: string): Promise<void> {
    checkEmail(email);
    await this.#groups.write(() => this.#set(account.id, email));
  }

  #set(accountId: number, email: string): void {
    const holder = this.#accounts.byEmail(email);
    if (holder !== null && holder.id !== accountId) throw taken();
    this.#accounts.setEmail(accountId, email);
    this.#codes.forget(accountId);
  }
}

function taken(): XrpcError {
  return invalidRequest('This email address is already in use, please use a different email.');
}
