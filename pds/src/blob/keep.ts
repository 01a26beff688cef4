/**
 * Keeps a blob that was received: its bytes into their place, then its row; resolves when both are durable (invariant 16).
 * One blob of one account at a time, so that a removal of the same bytes never crosses it.
 * Not for deciding whether it may be kept: that is `upload.ts` and `fetch-missing.ts`. Source: ours, decision 0022.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Turns } from '@dunlin/service/lifecycle/turns';
import type { AccountStore } from '../account/account-store.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { ReceivedFile } from './blob-files.ts';
import { blobKey } from './blob-key.ts';
import type { BlobOwner, BlobStore, StoredBlob } from './blob-store.ts';
import type { TrashStore } from './trash-store.ts';

/** Keeps blobs. */
export class BlobKeeper {
  readonly #accounts: AccountStore;
  readonly #blobs: BlobStore;
  readonly #trashStore: TrashStore;
  readonly #groups: GroupCommit;
  readonly #turns: Turns;
  readonly #clock: Clock;

  constructor(o: { accounts: AccountStore; blobs: BlobStore; trashStore: TrashStore; groups: GroupCommit; turns: Turns; clock: Clock }) {
    this.#accounts = o.accounts;
    this.#blobs = o.blobs;
    this.#trashStore = o.trashStore;
    this.#groups = o.groups;
    this.#turns = o.turns;
    this.#clock = o.clock;
  }

  /**
   * Keeps a blob and gives what is known of it; null when the account was deleted while its blob arrived, whose bytes are nobody's then.
   * @throws BlobStorageError when its bytes cannot be kept
   */
  keep(owner: BlobOwner, received: ReceivedFile, mimeType: string): Promise<StoredBlob | null> {
    return this.#turns.run(blobKey(owner.did, received.cid), async () => {
      await received.keep();
      return this.#groups.write(() => this.#remember(owner, received, mimeType));
    });
  }

  #remember(owner: BlobOwner, { cid, size }: ReceivedFile, mimeType: string): StoredBlob | null {
    const nowMs = this.#clock.nowMs();
    if (this.#accounts.byId(owner.id) === null) {
      this.#trashStore.add({ did: owner.did, cid, mimeType, size }, { nowMs, trashMs: 0 });
      return null;
    }
    this.#blobs.put(owner, cid, { mimeType, size, nowMs });
    return this.#blobs.find(owner.id, cid);
  }
}
