/**
 * Makes app passwords, recognises them at sign-in, and takes them back together with the sessions they began.
 * All of one account are hashed with one salt made from its DID, so that one hash tells whether a password is any of them.
 * Not here: HTTP (`api/server/app-passwords.ts`). Source: form, salt and rules as the reference PDS, so that its rows can be taken over.
 */
import { toHex, utf8Encode } from '@dunlin/protocol/base/bytes';
import type { Clock } from '@dunlin/protocol/base/clock';
import { maxPasswordLength } from '@dunlin/protocol/base/limits';
import { sha256 } from '@dunlin/protocol/crypto/hash';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { Account } from './account.ts';
import type { AccountStore } from './account-store.ts';
import type { AppPassword, AppPasswordStore } from './app-password-store.ts';
import type { PasswordCheck } from './password-check.ts';
import { randomCode } from './random-code.ts';
import type { RefreshTokenStore } from './refresh-token-store.ts';

/** Most app passwords of one account. Ours. */
export const maxAppPasswords = 100;

/** Longest name of one, in characters. Ours. */
export const maxAppPasswordName = 100;

const saltBytes = 16;

/** Makes, recognises and takes back app passwords. */
export class AppPasswords {
  readonly #accounts: Pick<AccountStore, 'checkEra'>;
  readonly #store: AppPasswordStore;
  readonly #refreshTokens: RefreshTokenStore;
  readonly #passwords: PasswordCheck;
  readonly #groups: GroupCommit;
  readonly #clock: Clock;

  constructor(o: { accounts: Pick<AccountStore, 'checkEra'>; appPasswords: AppPasswordStore; refreshTokens: RefreshTokenStore; passwords: PasswordCheck; groups: GroupCommit; clock: Clock }) {
    this.#accounts = o.accounts;
    this.#store = o.appPasswords;
    this.#refreshTokens = o.refreshTokens;
    this.#passwords = o.passwords;
    this.#groups = o.groups;
    this.#clock = o.clock;
  }

  /** Lists those of an account, the newest first, without their secrets. */
  list(accountId: number): AppPassword[] {
    return this.#store.list(accountId);
  }

  /** Makes one and gives it with its secret, which is shown this once. @throws XrpcError 400 when the name is taken or unfit, or there are too many, ExpiredToken when all sessions ended meanwhile */
  async create(account: Account, { name, isPrivileged }: { name: string; isPrivileged: boolean }): Promise<AppPassword & { password: string }> {
    if (name.trim() === '' || name.length > maxAppPasswordName) throw invalidRequest(`name must have 1 to ${maxAppPasswordName} characters`);
    const password = randomCode([4, 4, 4, 4]);
    const hash = await this.#hash(account.did, password);
    return this.#groups.write(() => {
      this.#accounts.checkEra(account);
      const present = this.#store.list(account.id);
      if (present.some((other) => other.name === name)) throw invalidRequest(`an app password of this name exists: ${name}`);
      if (present.length >= maxAppPasswords) throw invalidRequest(`too many app passwords: max=${maxAppPasswords}`);
      const made = { name, isPrivileged, createdAtMs: this.#clock.nowMs() };
      this.#store.add(account.id, { ...made, hash });
      return { ...made, password };
    });
  }

  /**
   * Gives the app password of an account that a typed password is, or null. `account` null stands for one that does not exist and
   * costs the same hash; the time a refusal takes is the caller's to even out.
   */
  async recognise(account: Account | null, password: string): Promise<AppPassword | null> {
    if (password === '' || password.length > maxPasswordLength) return null;
    const hash = await this.#hash(account?.did ?? '', password);
    return account === null ? null : this.#store.byHash(account.id, hash);
  }

  /** Takes one back and ends its sessions; nothing happens when there is none of that name. */
  async revoke(accountId: number, name: string): Promise<void> {
    await this.#groups.write(() => {
      this.#store.remove(accountId, name);
      this.#refreshTokens.revokeOf(accountId, name);
    });
  }

  #hash(did: string, password: string): Promise<string> {
    return this.#passwords.hash(password, toHex(sha256(utf8Encode(did)).subarray(0, saltBytes)));
  }
}
