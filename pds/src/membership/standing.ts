/**
 * Changes of an account's standing: deactivated and active again, taken down and lifted, deleted.
 * Each change and the event that tells of it are one transaction. Not here: who may ask for it (`api/`).
 * Activation signs the repository anew and sends where it stands: the account may have lived elsewhere meanwhile, with a later
 * revision and another key, and nobody would believe an older word (the reference sends the old signature).
 * Source: events of the reference PDS per operation.
 */
import { assert } from '@dunlin/protocol/base/assert';
import type { Clock } from '@dunlin/protocol/base/clock';
import type { BlobStore } from '../blob/blob-store.ts';
import type { BlobTrash } from '../blob/trash.ts';
import type { TrashStore } from '../blob/trash-store.ts';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { syncEvent } from '../repo/events.ts';
import type { RepoReader, StoredCommit } from '../repo/read.ts';
import type { RepoRenewal } from '../repo/renewal.ts';
import type { GroupCommit, WriteGroup } from '../sequencer/group-commit.ts';
import type { Sequencer } from '../sequencer/sequencer.ts';
import { accountState, type Account } from '../account/account.ts';
import type { AccountRows } from '../account/account-rows.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { SessionEnds } from '../account/session-ends.ts';
import type { SigningKeys } from '../account/signing-keys.ts';

/** Tells of accounts that may not put themselves in service. */
export interface OperatorStops {
  /** Gives what their person is told, or null. */
  operatorStop(accountId: number): string | null;
}

/** Changes how accounts stand. */
export class AccountStanding {
  readonly #accounts: AccountStore;
  readonly #sessionEnds: SessionEnds;
  readonly #others: readonly AccountRows[];
  readonly #stops: OperatorStops;
  readonly #keys: SigningKeys;
  readonly #repos: RepoReader;
  readonly #renewal: RepoRenewal;
  readonly #blobs: BlobStore;
  readonly #trashStore: TrashStore;
  readonly #trash: BlobTrash;
  readonly #groups: GroupCommit;
  readonly #sequencer: Sequencer;
  readonly #clock: Clock;
  readonly #onForgotten: () => void;
  readonly #onTrashed: () => void;

  constructor(o: {
    accounts: AccountStore; sessionEnds: SessionEnds; keys: SigningKeys; repos: RepoReader; renewal: RepoRenewal;
    blobs: BlobStore; trashStore: TrashStore; trash: BlobTrash; groups: GroupCommit; sequencer: Sequencer; clock: Clock;
    /** Asked before an account comes back at its own wish. */
    stops: OperatorStops;
    /** Whatever else keeps rows of an account. */
    others: readonly AccountRows[];
    /** Told when events were removed that copies may be held of. */
    onForgotten: () => void;
    /** Told when blobs went to the trash, of which some may be due at once. */
    onTrashed: () => void;
  }) {
    this.#accounts = o.accounts;
    this.#sessionEnds = o.sessionEnds;
    this.#others = o.others;
    this.#stops = o.stops;
    this.#keys = o.keys;
    this.#repos = o.repos;
    this.#renewal = o.renewal;
    this.#blobs = o.blobs;
    this.#trashStore = o.trashStore;
    this.#trash = o.trash;
    this.#groups = o.groups;
    this.#sequencer = o.sequencer;
    this.#clock = o.clock;
    this.#onForgotten = o.onForgotten;
    this.#onTrashed = o.onTrashed;
  }

  /** Takes an account out of service at its own wish; `deleteAfter` is when it is to be deleted (`departures.ts`). */
  async deactivate(accountId: number, deleteAfter: string | null = null): Promise<void> {
    await this.#change(accountId, () => this.#accounts.setDeactivated(accountId, this.#clock.nowMs(), deleteAfter));
  }

  /**
   * Puts an account in service again: tells that it is active, who it is, and where its repository stands.
   * `check` looks at the account as it is then and throws what speaks against it.
   * @throws XrpcError 400 when its repository is only half imported, AccountNotFound when it was deleted meanwhile
   */
  async activate(accountId: number, { check }: { check?: (account: Account) => void } = {}): Promise<void> {
    await this.#groups.write((group) => {
      const before = this.#require(accountId);
      check?.(before);
      if (this.#repos.head(accountId) === null) throw invalidRequest('repository import is not complete, import it again');
      this.#accounts.setDeactivated(accountId, null);
      const account = this.#require(accountId);
      const commit = this.#commitToTell(group, before);
      this.#stageState(account);
      this.#sequencer.stage(accountId, { kind: 'identity', did: account.did, handle: account.handle });
      this.#sequencer.stage(accountId, syncEvent({ did: account.did, ...commit }));
    });
  }

  /** Puts an account in service again at its own wish. @throws XrpcError 400 when an operator has stopped it from moving in, and as `activate` */
  async reactivate(accountId: number): Promise<void> {
    await this.activate(accountId, {
      check: ({ id }) => {
        const stop = this.#stops.operatorStop(id);
        if (stop !== null) throw invalidRequest(stop);
      },
    });
  }

  /** Gives a commit that holds now: a fresh one unless the account has been in service all the time. */
  #commitToTell(group: WriteGroup, { id, did, deactivatedAtMs }: Account): StoredCommit {
    if (deactivatedAtMs !== null) return this.#renewal.renew(group, { accountId: id, did, keypair: this.#keys.of(id) });
    const commit = this.#repos.commit(id);
    assert(commit !== null, `account has no repository: account=${id}`);
    return commit;
  }

  /** Takes an account down under a reference, which ends its sessions, or lifts the takedown with null. */
  async setTakedown(accountId: number, ref: string | null): Promise<void> {
    await this.#change(accountId, () => {
      this.#accounts.setTakedown(accountId, ref);
      if (ref !== null) this.#sessionEnds.endAll(accountId);
    });
  }

  /** Tells again how an account stands. */
  async announce(accountId: number): Promise<void> {
    await this.#change(accountId, () => undefined);
  }

  /**
   * Removes an account with everything it has here; its blobs go to the trash, and of its events only the last word, `deleted`, stays. One that never was in service
   * here, and lives elsewhere, goes without a word (`isAnnounced` false).
   */
  async delete(account: Account, { isAnnounced = true } = {}): Promise<void> {
    await this.#groups.write((group) => {
      this.#sequencer.forget(account.id);
      this.#trashStore.moveAll(account, this.#trash.times);
      this.#blobs.removeAll(account.id);
      this.#sessionEnds.endAll(account.id);
      for (const rows of this.#others) rows.removeAll(account.id);
      this.#accounts.delete(account.id);
      if (isAnnounced) this.#sequencer.stage(account.id, { kind: 'account', did: account.did, active: false, status: 'deleted' });
      group.afterCommit(() => this.#keys.forget(account.id));
    });
    this.#sequencer.refreshOldest();
    this.#onForgotten();
    this.#onTrashed();
  }

  async #change(accountId: number, change: () => void): Promise<void> {
    await this.#groups.write(() => {
      change();
      this.#stageState(this.#require(accountId));
    });
  }

  #require(accountId: number): Account {
    const account = this.#accounts.byId(accountId);
    // It may have been deleted while its caller waited for the network.
    if (account === null) throw invalidRequest('Account not found', 'AccountNotFound');
    return account;
  }

  #stageState(account: Account): void {
    const state = accountState(account);
    this.#sequencer.stage(account.id, { kind: 'account', did: account.did, active: state.active, status: state.active ? null : state.status });
  }
}
