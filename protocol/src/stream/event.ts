/**
 * The events of com.atproto.sync.subscribeRepos as values: one union, told apart by `kind`.
 * Fields are those of the lexicon, but a #commit's `repo` is called `did` here as in every other event, and a field that may be
 * absent is null. Unknown fields of a frame are not kept: who passes frames on works on bytes (see frame-scan.ts).
 * Source: lexicon com.atproto.sync.subscribeRepos.
 */
import type { Cid } from '../data/cid.ts';
import type { RepoOp } from '../repo/operation.ts';

/** A repository moved to a new commit. */
export interface CommitEvent {
  readonly kind: 'commit';
  readonly seq: number;
  /** The account; `repo` on the wire. */
  readonly did: string;
  readonly rev: string;
  /** The rev of the commit before; null for the first commit. */
  readonly since: string | null;
  readonly commit: Cid;
  /** Root of the tree before; null (absent on the wire) for the first commit and for senders older than Sync 1.1. */
  readonly prevData: Cid | null;
  /** CAR v1 whose root is `commit`: commit, MST nodes that prove the operations, new records. */
  readonly blocks: Uint8Array;
  readonly ops: readonly RepoOp[];
  /** Deprecated and always empty from current servers. */
  readonly blobs: readonly Cid[];
  /** ISO 8601 datetime at which the sender sequenced the event. */
  readonly time: string;
  /** Deprecated; true is refused by verification. */
  readonly tooBig: boolean;
  /** Deprecated; true is refused by verification. */
  readonly rebase: boolean;
}

/** A repository stands at a commit, whatever was heard before. */
export interface SyncEvent {
  readonly kind: 'sync';
  readonly seq: number;
  readonly did: string;
  readonly rev: string;
  /** CAR v1 with the commit block alone. */
  readonly blocks: Uint8Array;
  readonly time: string;
}

/** A DID document may have changed; `handle` is a hint, null when absent. */
export interface IdentityEvent {
  readonly kind: 'identity';
  readonly seq: number;
  readonly did: string;
  readonly handle: string | null;
  readonly time: string;
}

/** The hosting status of an account; `status` is null when absent and says why an account is not active. */
export interface AccountEvent {
  readonly kind: 'account';
  readonly seq: number;
  readonly did: string;
  readonly active: boolean;
  /** takendown, suspended, deleted, deactivated, desynchronized, throttled; others may come. */
  readonly status: string | null;
  readonly time: string;
}

/** A word of the server about the stream itself, without a seq: `OutdatedCursor`. */
export interface InfoEvent {
  readonly kind: 'info';
  readonly name: string;
  readonly message: string | null;
}

/** Everything a subscriber of repositories can be told. */
export type StreamEvent = CommitEvent | SyncEvent | IdentityEvent | AccountEvent | InfoEvent;

/** An error frame; the server closes the connection behind it. */
export interface ErrorFrame {
  readonly kind: 'error';
  /** Error name of the lexicon: FutureCursor, ConsumerTooSlow. */
  readonly error: string;
  readonly message: string | null;
}

/** A frame of a kind this version does not know: count it, pass it by. */
export interface UnknownFrame {
  readonly kind: 'unknown';
  readonly t: string;
}
