/**
 * Signing in with a passkey alone: which account it is, and whether it may come in this way.
 * Who was taken down, or whose ways in the operator took away, does not. Not for checking the passkey (`passkeys.ts`).
 * Source: ours, decisions/0014.
 */
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { Passkeys } from './passkeys.ts';

/** Signs in by passkey. */
export class PasskeySignIn {
  readonly #passkeys: Pick<Passkeys, 'beginSignIn' | 'finishSignIn'>;
  readonly #accounts: AccountStore;

  constructor(o: { passkeys: Pick<Passkeys, 'beginSignIn' | 'finishSignIn'>; accounts: AccountStore }) {
    this.#passkeys = o.passkeys;
    this.#accounts = o.accounts;
  }

  /** Gives what a browser needs to show a passkey. */
  begin(): Promise<object> {
    return this.#passkeys.beginSignIn();
  }

  /** Gives the account of a passkey that was shown. @throws XrpcError 400 InvalidPasskey, 401 AccountTakedown, AuthenticationRequired */
  async finish(answer: unknown): Promise<Account> {
    const accountId = await this.#passkeys.finishSignIn(answer);
    const account = this.#accounts.byId(accountId);
    // It may have lost every way in while the passkey was looked at.
    if (account === null || this.#accounts.passwordHash(accountId) === null) throw new XrpcError(401, 'AuthenticationRequired', 'this account has no way in until its password is reset');
    if (account.takedownRef !== null) throw new XrpcError(401, 'AccountTakedown', 'Account has been taken down');
    return account;
  }
}
