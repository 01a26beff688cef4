/**
 * Takes an upload in, and answers when it is durable (`keep.ts`).
 * The blob is not served before a record names it. Uploading the same bytes again is harmless.
 * Source: lexicon com.atproto.repo.uploadBlob; atproto.com/specs/blob.
 */
import type { Readable } from 'node:stream';
import type { Cid } from '@dunlin/protocol/data/cid';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { BlobFiles } from './blob-files.ts';
import type { BlobStore } from './blob-store.ts';
import type { BlobKeeper } from './keep.ts';
import { blobMimeType } from './sniff.ts';

/** A blob as the uploader is told of it. */
export interface UploadedBlob {
  readonly cid: Cid;
  readonly mimeType: string;
  readonly size: number;
}

/** Takes uploads. */
export class BlobUploader {
  readonly #files: BlobFiles;
  readonly #blobs: BlobStore;
  readonly #keeper: BlobKeeper;
  readonly #maxUnusedBytes: number;

  /** `maxUnusedBytes` bounds what one account may have uploaded that no record names. */
  constructor(o: { files: BlobFiles; blobs: BlobStore; keeper: BlobKeeper; maxUnusedBytes: number }) {
    this.#files = o.files;
    this.#blobs = o.blobs;
    this.#keeper = o.keeper;
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
      const stored = await this.#keeper.keep(account, received, blobMimeType(received.head, declaredType));
      if (stored === null) throw invalidRequest('Account not found', 'AccountNotFound');
      return { cid, mimeType: stored.mimeType, size };
    } finally {
      await received.discard();
    }
  }
}
