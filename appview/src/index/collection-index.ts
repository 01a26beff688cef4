/**
 * What the indexer asks of each kind of record: take one in, take one out.
 * Not for kinds of events that are no records (index/accounts.ts).
 * Source: ours.
 */
import type { ChangeList } from './change-list.ts';

/** A record on its way into the index; it has passed its lexicon if the collection is ours. */
export interface IncomingRecord {
  readonly did: string;
  readonly accountId: number;
  readonly collection: string;
  readonly rkey: string;
  readonly cid: string;
  /** JSON form. */
  readonly value: unknown;
  /** ms since 1970. */
  readonly indexedAt: number;
}

/** Why a record is not in the index. One reason each, counted by name. */
export type SkipReason = 'invalidRecord' | 'badSubject' | 'badValue' | 'badRoom' | 'tooBig';

/** One kind of record. Called inside the indexer's transaction. */
export interface CollectionIndex {
  /** Takes a record in, over the one that was there; null when it is in, else why not (and the old one is gone). */
  put(record: IncomingRecord, changes: ChangeList): SkipReason | null;
  /** Takes a record out, if it is there. */
  remove(did: string, accountId: number, rkey: string, changes: ChangeList): void;
}

/** Largest record kept as JSON, in characters; a message or a room that is larger is no talk. */
export const maxRecordCharacters = 65_536;
