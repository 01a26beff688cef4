/**
 * What people do to their accounts on the OAuth pages, as one list of verbs: each is done by the part of the PDS that does it elsewhere.
 * Every verb throws XrpcError for what the person did wrong. Addresses nobody has are not told apart from others.
 * Not for signing in (`sign-in-desk.ts`), devices and consents (`account-bridge.ts`).
 * Source: the list is what @atproto/oauth-provider's account page can change; order of checks as the methods of the same purpose.
 */
import { assert } from '@dunlin/protocol/base/assert';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { Departures } from '../membership/departures.ts';
import type { EmailChanges } from '../membership/email-changes.ts';
import { checkEmail } from '../account/email-rules.ts';
import type { PasswordChanges } from '../membership/password-changes.ts';
import type { RefreshTokenStore } from '../account/refresh-token-store.ts';
import type { Registrar } from '../membership/register.ts';
import type { AccountStanding } from '../membership/standing.ts';
import type { DocumentCheck } from '../identity/document-check.ts';
import type { HandleChange } from '../identity/handle-change.ts';
import type { HandleChoice } from '../identity/handle-choice.ts';
import type { HostedDids } from '../identity/hosted-dids.ts';
import { checkGivenKey } from '../identity/given-key.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';

/** A person who signs up. */
export interface SignUp {
  readonly handle: string;
  readonly email: string;
  readonly password: string;
  readonly inviteCode: string | null;
  /** The person's own rotation key as did:key; null for none. */
  readonly recoveryKey?: string | null;
  /** True makes the handle the DID (did:web), where the operator lets it. */
  readonly isDidWeb?: boolean;
}

/** What the desk passes things on to. */
export interface DeskParts {
  readonly accounts: AccountStore;
  readonly refreshTokens: RefreshTokenStore;
  readonly groups: GroupCommit;
  readonly registrar: Registrar;
  readonly choice: HandleChoice;
  readonly change: HandleChange;
  readonly passwordChanges: PasswordChanges;
  readonly emailChanges: EmailChanges;
  readonly departures: Departures;
  readonly standing: AccountStanding;
  readonly documents: DocumentCheck;
  readonly hosted: Pick<HostedDids, 'areMade'>;
}

/** Changes accounts at their owners' wish. */
export class AccountDesk {
  readonly #parts: DeskParts;

  constructor(parts: DeskParts) {
    this.#parts = parts;
  }

  /** Makes an account. */
  async signUp({ handle, email, password, inviteCode, recoveryKey = null, isDidWeb = false }: SignUp): Promise<Account> {
    const { choice, registrar, accounts, hosted } = this.#parts;
    checkEmail(email);
    if (isDidWeb && !hosted.areMade) throw invalidRequest('this server writes no did:web documents', 'IncompatibleDidDoc');
    if (isDidWeb && recoveryKey !== null) throw invalidRequest('a did:web has no rotation keys, so no recovery key', 'IncompatibleDidDoc');
    if (recoveryKey !== null) checkGivenKey('Recovery key', recoveryKey);
    const { did } = await registrar.register({ handle: await choice.check(handle, null), email, password, recoveryKey, existingDid: null, isHosted: isDidWeb, inviteCode });
    const account = accounts.byDid(did);
    assert(account !== null, 'an account that was made is there');
    return account;
  }

  /** Checks that somebody new could have a handle. */
  async checkHandle(handle: string): Promise<void> {
    const free = await this.#parts.choice.check(handle, null);
    if (this.#parts.accounts.byHandle(free) !== null) throw invalidRequest(`Handle already taken: ${free}`, 'HandleNotAvailable');
  }

  /** Gives an account another handle. */
  async changeHandle(account: Account, handle: string): Promise<void> {
    await this.#parts.change.apply(account, await this.#parts.choice.check(handle, account.did));
  }

  /** Has a code for a new password mailed and gives the account the address belongs to, or null. */
  requestPasswordReset(email: string): Account | null {
    const account = this.#parts.accounts.byEmail(email.trim());
    if (account === null || account.takedownRef !== null) return null;
    this.#parts.passwordChanges.requestResetUnseen(account);
    return account;
  }

  /** Sets a new password with a mailed code. */
  async resetPassword({ token, password }: { token: string; password: string }): Promise<Account | null> {
    return this.#parts.accounts.byId(await this.#parts.passwordChanges.reset(token, password));
  }

  /** Mails a code to the present address where one is needed, and tells whether. */
  async requestEmailUpdate(account: Account): Promise<boolean> {
    return (await this.#parts.emailChanges.requestUpdate(account)).tokenRequired;
  }

  /** Gives the account another address, and mails a code that confirms it; a mail that does not go out can be asked for again. */
  async updateEmail(account: Account, { email, token }: { email: string; token: string | null }): Promise<void> {
    const { emailChanges, accounts } = this.#parts;
    await emailChanges.update(account, email, token);
    const changed = accounts.byId(account.id);
    if (changed === null) return;
    await emailChanges.requestConfirmation(changed).catch((fault: unknown) => {
      if (!(fault instanceof XrpcError)) throw fault;
    });
  }

  /** Mails a code that confirms the address. */
  requestEmailConfirmation(account: Account): Promise<void> {
    return this.#parts.emailChanges.requestConfirmation(account);
  }

  /** Confirms the address. */
  confirmEmail(account: Account, { email, token }: { email: string; token: string }): Promise<void> {
    return this.#parts.emailChanges.confirm(account, email, token);
  }

  /** Takes the account out of service and ends the sessions of its apps; the browser stays signed in, to come back by. */
  async deactivate(account: Account, deleteAfter: string | null, endClients: (accountId: number) => void): Promise<void> {
    await this.#parts.standing.deactivate(account.id, deleteAfter);
    await this.#parts.groups.write(() => {
      this.#parts.refreshTokens.revokeAll(account.id);
      endClients(account.id);
    });
  }

  /** Puts the account in service again. */
  async reactivate(account: Account): Promise<void> {
    const fault = await this.#parts.documents.faultOf(account);
    if (fault !== null) throw invalidRequest(fault);
    await this.#parts.standing.reactivate(account.id);
  }

  /** Mails a code that lets the account be deleted. */
  requestDeletion(account: Account): Promise<void> {
    return this.#parts.departures.requestDeletion(account);
  }

  /** Removes an account for good, with its password and a mailed code. */
  delete({ did }: Account, { token, password }: { token: string; password: string }): Promise<void> {
    return this.#parts.departures.delete(did, password, token);
  }
}
