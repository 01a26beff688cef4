/**
 * What every place for the bytes of blobs can do: a folder (`disk-files.ts`) or a bucket (`s3-files.ts`).
 * One file an account and CID; a file that is there is whole and durable. An upload is received into a temporary file first
 * (`receiving.ts`), whatever the place, and gets its name when all of it is known to be well.
 * Not here: whether a blob is served (`blob-store.ts`). Source: ours, decision 0022.
 */
import type { Readable } from 'node:stream';
import type { Cid } from '@dunlin/protocol/data/cid';
import { XrpcError } from '@dunlin/service/xrpc/errors';

/** A file that was received and waits for its name. */
export interface ReceivedFile {
  readonly cid: Cid;
  readonly size: number;
  /** The first bytes, for telling its kind. */
  readonly head: Uint8Array;
  /** Puts the file among the account's blobs; resolves when it is durable there. @throws BlobStorageError */
  keep(): Promise<void>;
  /** Throws the temporary file away; what was kept stays. */
  discard(): Promise<void>;
}

/** A part of a file: first byte and length. */
export interface ByteRange {
  readonly start: number;
  readonly length: number;
}

/** A file as the place lists it: its name should be a CID, but anybody may have put it there. */
export interface ListedFile {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
}

/** A place for the bytes of blobs. Every method fails with BlobStorageError when the place does not do what it should. */
export interface BlobFiles {
  /** Receives a stream while hashing it. A fault of the stream (too large, cut short) leaves nothing behind. */
  receive(did: string, body: Readable): Promise<ReceivedFile>;
  /** Opens a file, or a part of it, for reading; null when there is none of this size. The stream must be read or destroyed. */
  read(did: string, blob: { readonly cid: Cid; readonly size: number }, range?: ByteRange | null): Promise<Readable | null>;
  /** Gives the size of a file in bytes, or null when there is none. */
  sizeOf(did: string, cid: Cid): Promise<number | null>;
  /** Copies a file to a path of this machine, overwriting; false when there is none of this size. */
  copyTo(did: string, blob: { readonly cid: Cid; readonly size: number }, path: string): Promise<boolean>;
  /** Removes a file; nothing happens when there is none. */
  remove(did: string, cid: Cid): Promise<void>;
  /** Gives the files of an account. */
  list(did: string): AsyncIterable<ListedFile>;
  /** Gives the DID of everybody who has files. */
  accounts(): AsyncIterable<string>;
  /** Writes, reads and removes a small file beside the blobs, once, to see whether all is well. */
  probe(): Promise<void>;
  /** Ends what is open. */
  close(): Promise<void>;
}

/** The place for blobs fails. Callers hear that, and nothing of the place; `reason` is for the operator and has no secrets. */
export class BlobStorageError extends XrpcError {
  readonly reason: string;
  /** True when it answers and does not want us: it will not heal by itself. */
  readonly isRefusal: boolean;

  constructor(reason: string, o: { isRefusal: boolean; cause?: unknown }) {
    super(503, 'BlobStorageUnavailable', 'blobs cannot be stored or read at the moment, try again later', { 'retry-after': '10' }, { cause: new Error(reason, { cause: o.cause }) });
    this.reason = reason;
    this.isRefusal = o.isRefusal;
  }
}
