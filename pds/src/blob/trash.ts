/**
 * The end of blobs, and the way back: bytes whose time in the trash is over are removed, others can be restored or purged at once.
 * Going to the trash moves no bytes, it is one transaction with whatever caused it; at the end the bytes go first and the row last,
 * so that a crash or a store that fails leaves a row, and the next look goes on from there.
 * Not here: what goes to the trash (`collect.ts`, `membership/standing.ts`). Source: ours, decision 0022.
 */
import { AssertionFailure } from '@dunlin/protocol/base/assert';
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Cid } from '@dunlin/protocol/data/cid';
import type { Turns } from '@dunlin/service/lifecycle/turns';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { BlobFiles } from './blob-files.ts';
import { blobKey } from './blob-key.ts';
import type { BlobOwner, BlobStore } from './blob-store.ts';
import { filesAtOnce, sideBySide } from './side-by-side.ts';
import type { TrashStore, TrashTimes } from './trash-store.ts';

/** Most blobs taken from the table at once. */
const batch = 100;

/** Removals that may fail before a look gives up; the next one begins anew. */
const maxFailures = 5;

/** What became of blobs that were named to `restore` or `purge`. */
export interface TrashAnswer {
  readonly done: number;
  readonly failed: readonly { readonly cid: Cid; readonly reason: string }[];
}

interface TrashParts {
  readonly blobs: BlobStore;
  readonly trashStore: TrashStore;
  readonly files: BlobFiles;
  readonly groups: GroupCommit;
  readonly turns: Turns;
  readonly clock: Clock;
  /** How long blobs stay in the trash, in ms. */
  readonly trashMs: number;
}

/** Restores blobs and removes them for good. */
export class BlobTrash {
  readonly #o: TrashParts;

  constructor(o: TrashParts) {
    this.#o = o;
  }

  /** Gives the times of a blob that goes to the trash now. */
  get times(): TrashTimes {
    return { nowMs: this.#o.clock.nowMs(), trashMs: this.#o.trashMs };
  }

  /** Removes every blob whose time is over. @throws the first fault, after the others were tried */
  async removeDue(signal: AbortSignal): Promise<void> {
    const faults: unknown[] = [];
    while (!signal.aborted && faults.length < maxFailures) {
      const due = this.#o.trashStore.due({ nowMs: this.#o.clock.nowMs(), limit: batch, skip: faults.length });
      if (due.length === 0) break;
      await sideBySide(due, filesAtOnce, async ({ did, cid }) => {
        if (signal.aborted || faults.length >= maxFailures) return;
        await this.#removeIfDue(did, cid).catch((fault: unknown) => {
          faults.push(fault);
          if (fault instanceof AssertionFailure) throw fault;
        });
      });
    }
    if (faults.length > 0) throw faults[0];
  }

  /** Gives blobs back to their account, whose records may name them again; each gets a new grace. */
  restore(owner: BlobOwner, cids: readonly Cid[]): Promise<TrashAnswer> {
    const { blobs, trashStore, files, groups, clock } = this.#o;
    return this.#each(owner.did, cids, async (cid) => {
      const blob = trashStore.find(owner.did, cid);
      if (blob === null) return 'blob is not in the trash';
      if ((await files.sizeOf(owner.did, cid)) !== blob.size) return 'its bytes are gone';
      await groups.write(() => trashStore.restore(owner, cid, blobs.isUsed(owner.id, cid) ? null : clock.nowMs()));
      return null;
    });
  }

  /**
   * Removes bytes for good, at once: of blobs in the trash, and of blobs that were taken down, whose row stays and refuses them for ever.
   * `accountId` is null when the account is gone.
   */
  purge({ did, accountId }: { did: string; accountId: number | null }, cids: readonly Cid[]): Promise<TrashAnswer> {
    const { blobs, trashStore, files } = this.#o;
    return this.#each(did, cids, async (cid) => {
      if (trashStore.find(did, cid) !== null) {
        await this.#removeNow(did, cid);
        return null;
      }
      const blob = accountId === null ? null : blobs.find(accountId, cid);
      if (blob === null) return 'blob is not here';
      if (blob.takedownRef === null) return 'blob is in service: take it down first';
      await files.remove(did, cid);
      return null;
    });
  }

  async #each(did: string, cids: readonly Cid[], work: (cid: Cid) => Promise<string | null>): Promise<TrashAnswer> {
    const failed: { cid: Cid; reason: string }[] = [];
    for (const cid of cids) {
      const reason = await this.#o.turns.run(blobKey(did, cid), () => work(cid));
      if (reason !== null) failed.push({ cid, reason });
    }
    return { done: cids.length - failed.length, failed };
  }

  /** Removes one blob unless it was restored, or uploaded again, meanwhile. */
  #removeIfDue(did: string, cid: Cid): Promise<void> {
    return this.#o.turns.run(blobKey(did, cid), async () => {
      const blob = this.#o.trashStore.find(did, cid);
      if (blob !== null && blob.removeAtMs <= this.#o.clock.nowMs()) await this.#removeNow(did, cid);
    });
  }

  async #removeNow(did: string, cid: Cid): Promise<void> {
    await this.#o.files.remove(did, cid);
    await this.#o.groups.write(() => this.#o.trashStore.remove(did, cid));
  }
}
