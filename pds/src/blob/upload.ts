/**
 * Takes an upload in: file first, then its row; answers when both are durable.
 * The blob is not served before a record names it. Uploading the same bytes again is harmless.
 * Source: lexicon com.atproto.repo.uploadBlob; atproto.com/specs/blob.
 */
import type { Readable } from 'node:stream';
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Cid } from '@dunlin/protocol/data/cid';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { BlobFiles } from './blob-files.ts';
import type { BlobStore, StoredBlob } from './blob-store.ts';
import { blobMimeType } from './sniff.ts';
import type { TrashStore } from './trash-store.ts';
import { blobKey, type Turns } from './turns.ts';

/** A blob as the uploader is told of it. */
export interface UploadedBlob {
  readonly cid: Cid;
  readonly mimeType: string;
  readonly size: number;
}

/** Takes uploads. */
export class BlobUploader {
  readonly #accounts: AccountStore;
  readonly #files: BlobFiles;
  readonly #blobs: BlobStore;
  readonly #trashStore: TrashStore;
  readonly #groups: GroupCommit;
  readonly #turns: Turns;
  readonly #clock: Clock;
  readonly #maxUnusedBytes: number;

  /** `maxUnusedBytes` bounds what one account may have uploaded that no record names. */
  constructor(o: {
    accounts: AccountStore; files: BlobFiles; blobs: BlobStore; trashStore: TrashStore; groups: GroupCommit; turns: Turns; clock: Clock; maxUnusedBytes: number;
  }) {
    this.#accounts = o.accounts;
    this.#files = o.files;
    this.#blobs = o.blobs;
    this.#trashStore = o.trashStore;
    this.#groups = o.groups;
    this.#turns = o.turns;
    this.#clock = o.clock;
    this.#maxUnusedBytes = o.maxUnusedBytes;
  }

  /**
   * Receives one blob. The type comes from its bytes, else from what the uploader declares.
   * @throws XrpcError 400 InvalidRequest when these bytes were taken down for this account, 429 RateLimitExceeded when too much is there
   * that no record names; BlobStorageError when it cannot be stored; what the body's stream throws
   */
  async upload(account: Account, body: Readable, declaredType: string | null): Promise<UploadedBlob> {
    const received = await this.#files.receive(account.did, body);
    try {
      const { cid, size } = received;
      if ((this.#blobs.find(account.id, cid)?.takedownRef ?? null) !== null) throw invalidRequest('Blob has been takendown, cannot re-upload');
      if (this.#blobs.unusedBytes(account.id) + size > this.#maxUnusedBytes) {
        throw new XrpcError(429, 'RateLimitExceeded', 'too much was uploaded that no record names; write the records, or try again later');
      }
      const mimeType = blobMimeType(received.head, declaredType);
      return await this.#turns.run(blobKey(account.did, cid), async () => {
        await received.keep();
        const stored = await this.#groups.write(() => this.#remember(account, { cid, mimeType, size }));
        if (stored === null) throw invalidRequest('Account not found', 'AccountNotFound');
        return { cid, mimeType: stored.mimeType, size };
      });
    } finally {
      await received.discard();
    }
  }

  /** Writes the row; null when the account was deleted while its blob arrived, whose bytes are nobody's then. */
  #remember(account: Account, { cid, mimeType, size }: UploadedBlob): StoredBlob | null {
    const nowMs = this.#clock.nowMs();
    if (this.#accounts.byId(account.id) === null) {
      this.#trashStore.add({ did: account.did, cid, mimeType, size }, { nowMs, trashMs: 0 });
      return null;
    }
    this.#blobs.put(account, cid, { mimeType, size, nowMs });
    return this.#blobs.find(account.id, cid);
  }
}
