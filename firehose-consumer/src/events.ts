/**
 * What a consumer hears: one union of events by `kind`.
 * Not for: the wire form (see protocol/src/stream/event.ts) or for what was left out (see notice.ts).
 * Place in the flow: made in decode.ts at the moment of delivery, handed to the handler, the iterator or a batch.
 * Source: lexicon com.atproto.sync.subscribeRepos; names as in the lexicon, but the account is always `did`.
 */
import type { CborMap } from '@dunlin/protocol/data/cbor';
import type { Cid } from '@dunlin/protocol/data/cid';

/** What every event has. */
export interface EventBase {
  /** The server's sequence number; several records of one commit share it. */
  readonly seq: number;
  readonly did: string;
  /** When the server sequenced it, as the server says. */
  readonly time: string;
  /**
   * Says that the event is done with, in an iterator with `acknowledge: 'manual'`. Again, or elsewhere, does nothing.
   * The cursor moves past an event only when it and everything before it is done.
   */
  ack(): void;
}

/** What happened to one record. `record` is in the data model: links are Cid objects, bytes are Uint8Array. */
export type RecordOperation =
  | { readonly action: 'create' | 'update'; readonly collection: string; readonly rkey: string; readonly uri: string; readonly cid: Cid; readonly prev: Cid | null; readonly record: CborMap }
  | { readonly action: 'delete'; readonly collection: string; readonly rkey: string; readonly uri: string; readonly cid: null; readonly prev: Cid | null; readonly record: null };

/**
 * One record written or deleted (`unit: 'record'`). `prev` is the CID before, null for creates and old servers. `isResync`:
 * it was found by fetching the repository, `rev` is the repository's, and `seq` the newest that was taken in at the time.
 */
export type RecordEvent = EventBase & { readonly kind: 'record'; readonly rev: string; readonly isResync: boolean } & RecordOperation;

/** One commit whole (`unit: 'commit'`); `ops` holds the wanted operations, none when the commit changed nothing. */
export interface CommitEvent extends EventBase {
  readonly kind: 'commit';
  readonly rev: string;
  /** The rev before; null for the first commit, and in a resync. */
  readonly since: string | null;
  readonly commit: Cid;
  /** True for a piece of what a resync found: several may have one rev, and `ops` says what differs from what was told. */
  readonly isResync: boolean;
  readonly ops: readonly RecordOperation[];
}

/** The identity of an account may have changed. `handle` is a hint nobody has checked, null when absent. */
export interface IdentityEvent extends EventBase {
  readonly kind: 'identity';
  readonly handle: string | null;
}

/** The account's status at this server. `status` says why it is not active: takendown, suspended, deleted, deactivated … */
export interface AccountEvent extends EventBase {
  readonly kind: 'account';
  readonly active: boolean;
  readonly status: string | null;
}

/** The account's repository stands at a new state that no chain of commits leads to: fetch it anew. */
export interface SyncEvent extends EventBase {
  readonly kind: 'sync';
  readonly rev: string;
  /** CAR v1 holding the commit block alone. */
  readonly blocks: Uint8Array;
}

/** Everything a consumer can hear. */
export type ConsumerEvent = RecordEvent | CommitEvent | IdentityEvent | AccountEvent | SyncEvent;

/**
 * Events in order of the stream, and between them what resyncs found; `cursor` is right once exactly these, and all before,
 * are durable. It is null only with `continuity`, while nothing of the stream was taken in: keep the one you have.
 */
export interface EventBatch {
  readonly events: readonly ConsumerEvent[];
  readonly cursor: number | null;
}
