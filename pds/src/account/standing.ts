/**
 * Changes of an account's standing: deactivated and active again, taken down and lifted, deleted.
 * Each change and the event that tells of it are one transaction. Not here: who may ask for it (`api/`).
 * Activation sends where the repository stands, so that whoever lost sight of it can find it again.
 * Source: events of the reference PDS per operation.
 */
import { assert } from '@dunlin/protocol/base/assert';
import type { Clock } from '@dunlin/protocol/base/clock';
import type { BlobFiles } from '../blob/blob-files.ts';
import type { BlobStore } from '../blob/blob-store.ts';
import type { Turns } from '../blob/turns.ts';
import { syncEvent } from '../repo/events.ts';
import type { RepoReader } from '../repo/read.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { Sequencer } from '../sequencer/sequencer.ts';
import { accountState, type Account } from './account.ts';
import type { AccountStore } from './account-store.ts';
import type { PreferenceStore } from './preference-store.ts';
import type { RefreshTokenStore } from './refresh-token-store.ts';
import type { SigningKeys } from './signing-keys.ts';

/** Changes how accounts stand. */
export class AccountStanding {
  readonly #accounts: AccountStore;
  readonly #refreshTokens: RefreshTokenStore;
  readonly #preferences: PreferenceStore;
  readonly #keys: SigningKeys;
  readonly #repos: RepoReader;
  readonly #blobs: BlobStore;
  readonly #files: BlobFiles;
  readonly #turns: Turns;
  readonly #groups: GroupCommit;
  readonly #sequencer: Sequencer;
  readonly #clock: Clock;
  readonly #onForgotten: () => void;

  constructor(o: {
    accounts: AccountStore; refreshTokens: RefreshTokenStore; preferences: PreferenceStore; keys: SigningKeys; repos: RepoReader;
    blobs: BlobStore; files: BlobFiles; turns: Turns; groups: GroupCommit; sequencer: Sequencer; clock: Clock;
    /** Told when events were removed that copies may be held of. */
    onForgotten: () => void;
  }) {
    this.#accounts = o.accounts;
    this.#refreshTokens = o.refreshTokens;
    this.#preferences = o.preferences;
    this.#keys = o.keys;
    this.#repos = o.repos;
    this.#blobs = o.blobs;
    this.#files = o.files;
    this.#turns = o.turns;
    this.#groups = o.groups;
    this.#sequencer = o.sequencer;
    this.#clock = o.clock;
    this.#onForgotten = o.onForgotten;
  }

  /** Takes an account out of service at its own wish; `deleteAfter` is kept for the person's information. */
  async deactivate(accountId: number, deleteAfter: string | null = null): Promise<void> {
    await this.#change(accountId, () => this.#accounts.setDeactivated(accountId, this.#clock.nowMs(), deleteAfter));
  }

  /** Puts an account in service again: tells that it is active, who it is, and where its repository stands. */
  async activate(accountId: number): Promise<void> {
    await this.#groups.write(() => {
      this.#accounts.setDeactivated(accountId, null);
      const account = this.#require(accountId);
      const head = this.#repos.commit(accountId);
      assert(head !== null, `account has no repository: account=${accountId}`);
      this.#stageState(account);
      this.#sequencer.stage(accountId, { kind: 'identity', did: account.did, handle: account.handle });
      this.#sequencer.stage(accountId, syncEvent({ did: account.did, ...head }));
    });
  }

  /** Takes an account down under a reference, which ends its sessions, or lifts the takedown with null. */
  async setTakedown(accountId: number, ref: string | null): Promise<void> {
    await this.#change(accountId, () => {
      this.#accounts.setTakedown(accountId, ref);
      if (ref !== null) this.#refreshTokens.revokeAll(accountId);
    });
  }

  /** Tells again how an account stands. */
  async announce(accountId: number): Promise<void> {
    await this.#change(accountId, () => undefined);
  }

  /** Removes an account with everything it has here; of its events only the last word, `deleted`, stays. */
  async delete(account: Account): Promise<void> {
    await this.#groups.write((group) => {
      this.#sequencer.forget(account.id);
      this.#repos.removeAll(account.id);
      this.#blobs.removeAll(account.id);
      this.#preferences.remove(account.id);
      this.#refreshTokens.revokeAll(account.id);
      this.#accounts.delete(account.id);
      this.#sequencer.stage(account.id, { kind: 'account', did: account.did, active: false, status: 'deleted' });
      group.afterCommit(() => this.#keys.forget(account.id));
    });
    this.#sequencer.refreshOldest();
    this.#onForgotten();
    await this.#turns.run(account.did, () => this.#files.removeAll(account.did));
  }

  async #change(accountId: number, change: () => void): Promise<void> {
    await this.#groups.write(() => {
      change();
      this.#stageState(this.#require(accountId));
    });
  }

  #require(accountId: number): Account {
    const account = this.#accounts.byId(accountId);
    assert(account !== null, `account is gone: account=${accountId}`);
    return account;
  }

  #stageState(account: Account): void {
    const state = accountState(account);
    this.#sequencer.stage(account.id, { kind: 'account', did: account.did, active: state.active, status: state.active ? null : state.status });
  }
}
