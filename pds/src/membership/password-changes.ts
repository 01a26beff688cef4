/**
 * An account's password: reset with a code sent by mail, or set by the operator. Either ends every session and tells the person by mail;
 * app passwords and second factors stay. Credentials can also be taken away altogether, those too; a reset then gives a password back.
 * Not here: HTTP, app passwords one by one (`account/app-passwords.ts`). Source: behaviour and errors of the reference PDS; decisions/0031.
 */
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { FactorStore } from '../factor/factor-store.ts';
import type { MailCodes } from '../mail/mail-codes.ts';
import type { AccountLetters } from '../mail/account-letters.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { AppPasswordStore } from '../account/app-password-store.ts';
import type { PasswordCheck } from '../account/password-check.ts';
import type { SessionEnds } from '../account/session-ends.ts';

/** Changes passwords. */
export class PasswordChanges {
  readonly #accounts: AccountStore;
  readonly #appPasswords: AppPasswordStore;
  readonly #factors: FactorStore;
  readonly #passwords: PasswordCheck;
  readonly #codes: MailCodes;
  readonly #letters: AccountLetters;
  readonly #sessionEnds: SessionEnds;
  readonly #groups: GroupCommit;

  constructor(o: {
    accounts: AccountStore; appPasswordStore: AppPasswordStore; factorStore: FactorStore; passwords: PasswordCheck; mailCodes: MailCodes; accountLetters: AccountLetters;
    sessionEnds: SessionEnds; groups: GroupCommit;
  }) {
    this.#accounts = o.accounts;
    this.#appPasswords = o.appPasswordStore;
    this.#factors = o.factorStore;
    this.#passwords = o.passwords;
    this.#codes = o.mailCodes;
    this.#letters = o.accountLetters;
    this.#sessionEnds = o.sessionEnds;
    this.#groups = o.groups;
  }

  /** Sends a code to the account with that address. @throws XrpcError 400 when nobody has it, 502 */
  async requestReset(email: string): Promise<void> {
    const account = this.#accounts.byEmail(email.trim());
    if (account === null) throw invalidRequest('account does not have an email address');
    await this.#codes.send(account, 'reset_password');
  }

  /** The same for who must not learn whether there is such an account: not from how long it takes, nor from a letter that does not go out. */
  requestResetUnseen(account: Account): void {
    this.#letters.letGo(this.#codes.send(account, 'reset_password'));
  }

  /** Sets the password of whoever holds the code, and gives the account's id. @throws XrpcError 400 InvalidToken, ExpiredToken, InvalidRequest */
  async reset(code: string, password: string): Promise<number> {
    this.#codes.checkHolder('reset_password', code);
    const hash = await this.#hash(password);
    const accountId = await this.#groups.write(() => {
      const holder = this.#codes.checkHolder('reset_password', code);
      this.#set(holder, hash);
      return holder;
    });
    this.#tellOfChange(this.#accounts.byId(accountId), false);
    return accountId;
  }

  /** Sets the password of an account. @throws XrpcError 400 InvalidRequest */
  async set(account: Account, password: string): Promise<void> {
    const hash = await this.#hash(password);
    await this.#groups.write(() => this.#set(account.id, hash));
    this.#tellOfChange(account, true);
  }

  /** Takes every way in away: password, app passwords, second factors with their recovery codes, sessions, codes in letters. */
  async revokeAll(account: Account): Promise<void> {
    await this.#groups.write(() => {
      this.#set(account.id, null);
      this.#appPasswords.removeAll(account.id);
      this.#factors.removeAll(account.id);
    });
    this.#letters.send(account, { kind: 'credentialsRevoked' });
  }

  #set(accountId: number, hash: string | null): void {
    this.#accounts.setPasswordHash(accountId, hash);
    this.#codes.forget(accountId);
    this.#sessionEnds.endAll(accountId);
    this.#accounts.endEra(accountId);
  }

  #tellOfChange(account: Account | null, isOperators: boolean): void {
    if (account === null) return;
    const passkeys = this.#factors.passkeys(account.id).length;
    this.#letters.send(account, { kind: 'passwordChanged', isOperators, passkeys, appPasswords: this.#appPasswords.list(account.id).length });
  }

  async #hash(password: string): Promise<string> {
    try {
      return await this.#passwords.hash(password);
    } catch (fault) {
      if (fault instanceof ProtocolError) throw invalidRequest('Invalid password length.');
      throw fault;
    }
  }
}
