/**
 * Removes blobs that no record has named for a while: uploads that were never used, and those whose last record went.
 * The row goes first and durably, then the file; a crash between leaves a file that nobody serves.
 * The grace lets a client write its record, or undo a deletion. Source: atproto.com/specs/blob ("at least one hour").
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Cid } from '@dunlin/protocol/data/cid';
import type { AccountStore } from '../account/account-store.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { BlobFiles } from './blob-files.ts';
import type { BlobStore } from './blob-store.ts';
import type { Turns } from './turns.ts';

/** How often unused blobs are looked for, in ms. */
export const collectEveryMs = 10 * 60_000;

/** Most blobs taken from the table at once. */
export const collectBatch = 100;

/** Collects unused blobs. */
export class BlobCollector {
  readonly #accounts: AccountStore;
  readonly #blobs: BlobStore;
  readonly #files: BlobFiles;
  readonly #groups: GroupCommit;
  readonly #turns: Turns;
  readonly #clock: Clock;
  readonly #graceMs: number;

  constructor(o: { accounts: AccountStore; blobs: BlobStore; files: BlobFiles; groups: GroupCommit; turns: Turns; clock: Clock; graceMs: number }) {
    this.#accounts = o.accounts;
    this.#blobs = o.blobs;
    this.#files = o.files;
    this.#groups = o.groups;
    this.#turns = o.turns;
    this.#clock = o.clock;
    this.#graceMs = o.graceMs;
  }

  /** Looks for unused blobs now and then; gives a function that ends it. */
  start(onFault: (fault: unknown) => void): () => void {
    const timer = this.#clock.every(collectEveryMs, () => void this.collect().catch(onFault), { unref: true });
    return () => timer.cancel();
  }

  /** Removes every blob whose grace is over and resolves with how many. */
  async collect(): Promise<number> {
    const beforeMs = this.#clock.nowMs() - this.#graceMs;
    let collected = 0;
    for (;;) {
      const batch = this.#blobs.unusedBefore(beforeMs, collectBatch);
      for (const { accountId, cid } of batch) await this.#collectOne(accountId, cid, beforeMs);
      collected += batch.length;
      if (batch.length < collectBatch) return collected;
    }
  }

  async #collectOne(accountId: number, cid: Cid, beforeMs: number): Promise<void> {
    const did = this.#accounts.byId(accountId)?.did ?? null;
    await this.#turns.run(did ?? '', async () => {
      const isGone = await this.#groups.write(() => {
        const unusedSinceMs = this.#blobs.find(accountId, cid)?.unusedSinceMs ?? null;
        if (unusedSinceMs === null || unusedSinceMs >= beforeMs) return false;
        this.#blobs.remove(accountId, cid);
        return true;
      });
      if (isGone && did !== null) await this.#files.remove(did, cid);
    });
  }
}
