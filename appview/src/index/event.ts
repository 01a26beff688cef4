/**
 * What the indexer takes: the events of the stream that can change the index, already verified, records as JSON.
 * Not the wire form: ingest/ makes these from what the firehose consumer gives.
 * Source: ours; the four kinds are those of com.atproto.sync.subscribeRepos.
 */

/** One record written or deleted. `record` is in the JSON form of the data model. */
export type IndexOperation =
  | { readonly action: 'put'; readonly collection: string; readonly rkey: string; readonly cid: string; readonly record: unknown }
  | { readonly action: 'delete'; readonly collection: string; readonly rkey: string };

/** One event, in order per DID. */
export type IndexEvent =
  | { readonly kind: 'commit'; readonly did: string; readonly rev: string; readonly operations: readonly IndexOperation[] }
  | { readonly kind: 'account'; readonly did: string; readonly isActive: boolean; readonly status: string | null }
  | { readonly kind: 'identity'; readonly did: string };
