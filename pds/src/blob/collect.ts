/**
 * Moves blobs to the trash that no record has named for a while, and has the trash removed whose time is over.
 * The grace lets a client write its record, or undo a deletion; the trash lets an operator undo a mistake. An upload that no record
 * ever named has no time in the trash.
 * Not here: the trash itself (`trash.ts`). Source: atproto.com/specs/blob ("at least one hour"); decision 0022.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Cid } from '@dunlin/protocol/data/cid';
import type { AccountStore } from '../account/account-store.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { BlobStore } from './blob-store.ts';
import type { BlobTrash } from './trash.ts';
import type { TrashStore } from './trash-store.ts';

/** How often unused blobs are looked for, in ms. */
export const collectEveryMs = 10 * 60_000;

/** Most blobs taken from the table at once. */
export const collectBatch = 100;

/** Collects unused blobs. */
export class BlobCollector {
  readonly #accounts: AccountStore;
  readonly #blobs: BlobStore;
  readonly #trashStore: TrashStore;
  readonly #trash: BlobTrash;
  readonly #groups: GroupCommit;
  readonly #clock: Clock;
  readonly #graceMs: number;

  constructor(o: { accounts: AccountStore; blobs: BlobStore; trashStore: TrashStore; trash: BlobTrash; groups: GroupCommit; clock: Clock; graceMs: number }) {
    this.#accounts = o.accounts;
    this.#blobs = o.blobs;
    this.#trashStore = o.trashStore;
    this.#trash = o.trash;
    this.#groups = o.groups;
    this.#clock = o.clock;
    this.#graceMs = o.graceMs;
  }

  /** Moves every blob whose grace is over to the trash, and removes for good what has been there long enough; `signal` ends it after the step that is under way. */
  async collect(signal: AbortSignal): Promise<void> {
    const beforeMs = this.#clock.nowMs() - this.#graceMs;
    while (!signal.aborted) {
      const batch = this.#blobs.unusedBefore(beforeMs, collectBatch);
      if (batch.length > 0) await this.#groups.write(() => batch.forEach(({ accountId, cid }) => this.#collectOne(accountId, cid, beforeMs)));
      if (batch.length < collectBatch) break;
    }
    await this.#trash.removeDue(signal);
  }

  #collectOne(accountId: number, cid: Cid, beforeMs: number): void {
    const unusedSinceMs = this.#blobs.find(accountId, cid)?.unusedSinceMs ?? null;
    if (unusedSinceMs === null || unusedSinceMs >= beforeMs) return;
    const account = this.#accounts.byId(accountId);
    if (account === null) this.#blobs.remove(accountId, cid);
    else this.#trashStore.move(account, cid, this.#trash.times);
  }
}
