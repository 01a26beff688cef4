/**
 * What is told beside the events: single messages left out (`Drop`) and the state of the stream (`Notice`).
 * Not for: the end of a run, which is a `FirehoseError`.
 * Place in the flow: to the user's `onDrop` and `onNotice`.
 * Source: ours; the reasons are those of protocol/src/repo/drop-reason.ts and three of our own.
 */
import type { DropReason } from '@dunlin/protocol/repo/drop-reason';
import type { SubscriptionFault } from './subscription-fault.ts';
import type { SubscriptionState } from './subscription.ts';

/** Reasons that come up only where records are decoded. */
export const recordDropReasons = {
  missingRecord: 'The blocks of the commit do not hold the record of an operation, or its bytes do not hash to its CID.',
  invalidRecord: 'The record of an operation is not a canonical DAG-CBOR map.',
} as const;

/** A message, or one operation of it, that was not delivered. `seq` and `did` are null when they could not be read. */
export interface Drop {
  readonly reason: DropReason | keyof typeof recordDropReasons;
  /** The values that make it plain; never what is in a record. */
  readonly detail: string;
  readonly seq: number | null;
  readonly did: string | null;
  /** `collection/rkey` when only this operation was left out. */
  readonly path: string | null;
}

/**
 * identityUnavailable: an account's key could not be looked up, its events wait; told at most once in ten seconds.
 * fault: the connection failed and is tried again. info: the server's word, such as OutdatedCursor. futureCursor: the
 * server has never reached our cursor; `restart` tells how it goes on. outdatedCursor: events after `cursor` are gone
 * at the server. tooSlow: the server cut us off for not keeping up. state: of the connection. saveFailed: the cursor
 * could not be saved and is tried again at the next interval. gap: a commit or #sync of an account does not follow what is
 * known of it; its repository is fetched. resynced: it was, and the differences were handled. backfill: so many of the
 * accounts that were asked for are fetched or in the ledger to be; `isOver` when it was the last. resyncFailed: it was not; `isOver`
 * means that its server says it is not there, else it is tried again. listFailed: a page of the list of accounts did not come
 * and is asked for again.
 */
export type Notice =
  | { readonly kind: 'state'; readonly state: SubscriptionState }
  | { readonly kind: 'fault'; readonly fault: SubscriptionFault }
  | { readonly kind: 'info'; readonly name: string; readonly message: string | null }
  | { readonly kind: 'futureCursor'; readonly cursor: number | null; readonly restart: 'oldest' | 'live' | 'fail' }
  | { readonly kind: 'outdatedCursor'; readonly cursor: number | null; readonly message: string | null }
  | { readonly kind: 'identityUnavailable'; readonly did: string; readonly message: string }
  | { readonly kind: 'tooSlow'; readonly message: string | null }
  | { readonly kind: 'gap'; readonly did: string; readonly rev: string }
  | { readonly kind: 'resynced'; readonly did: string; readonly rev: string; readonly created: number; readonly updated: number; readonly deleted: number }
  | { readonly kind: 'resyncFailed'; readonly did: string; readonly reason: string; readonly isOver: boolean }
  | { readonly kind: 'backfill'; readonly listed: number; readonly isOver: boolean }
  | { readonly kind: 'listFailed'; readonly reason: string }
  | { readonly kind: 'saveFailed'; readonly error: unknown };
