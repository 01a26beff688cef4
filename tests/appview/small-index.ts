/**
 * An index in memory with a manual clock, and short ways to say what happens to it.
 * Not for: sockets (gateway tests add those) or the stream.
 * Source: ours.
 */
import { ManualClock } from '@dunlin/protocol/base/clock';
import { loadLexicons } from '@dunlin/service/xrpc/lexicons';
import { ChangeFeed } from '@dunlin/appview/index/changes';
import type { IndexEvent, IndexOperation } from '@dunlin/appview/index/event';
import { Indexer, type RecordOutcome } from '@dunlin/appview/index/indexer';
import { createRecordLexicon } from '@dunlin/appview/index/record-lexicon';
import { builtInSources, type ReactionSource } from '@dunlin/appview/reactions/sources';
import { IndexStore } from '@dunlin/appview/store/index-store';

export const post = 'at://did:plc:44ybard66vv44zksje25o7dz/app.bsky.feed.post/3jwdwj2ctlk26';
export const cid = 'bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a';

/** A DID for a small number. */
export const person = (number: number): string => `did:plc:${number.toString().replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)]).padStart(24, 'z')}`;

export interface SmallIndex {
  store: IndexStore;
  indexer: Indexer;
  feed: ChangeFeed;
  clock: ManualClock;
  outcomes: RecordOutcome[];
  /** Applies events as one batch. */
  apply(...events: IndexEvent[]): void;
  /** A commit with a rev that rises by itself. */
  commit(did: string, ...operations: IndexOperation[]): IndexEvent;
}

export function smallIndex(sources: readonly ReactionSource[] = builtInSources, path = ':memory:'): SmallIndex {
  const clock = new ManualClock();
  const store = new IndexStore(path, sources);
  const feed = new ChangeFeed();
  const outcomes: RecordOutcome[] = [];
  const lexicon = createRecordLexicon(loadLexicons());
  const indexer = new Indexer({ store, sources, lexicon, feed, nowMs: () => clock.nowMs(), onRecord: (outcome) => void outcomes.push(outcome) });
  let revs = 0;
  return {
    store, indexer, feed, clock, outcomes,
    apply: (...events) => void indexer.apply(events, null),
    commit: (did, ...operations) => ({ kind: 'commit', did, rev: rev(revs++), operations }),
  };
}

/** The n-th rev, in order. */
export const rev = (number: number): string => `3k${number.toString().padStart(11, '0')}`;

export const createdAt = '2026-01-01T00:00:00.000Z';

const variant = (subject: string): string => (subject.startsWith('at:') ? 'recordSubject' : subject.startsWith('http') ? 'webSubject' : 'externalSubject');

export const react = (rkey: string, value: string, subject = post): IndexOperation => ({
  action: 'put', collection: 'app.dunlin.live.reaction', rkey, cid,
  record: { $type: 'app.dunlin.live.reaction', subject: { $type: `app.dunlin.live.reaction#${variant(subject)}`, uri: subject }, value, createdAt },
});

export const like = (rkey: string, subject = post): IndexOperation => ({
  action: 'put', collection: 'app.bsky.feed.like', rkey, cid, record: { $type: 'app.bsky.feed.like', subject: { uri: subject, cid }, createdAt },
});

export const remove = (collection: string, rkey: string): IndexOperation => ({ action: 'delete', collection, rkey });

export const gatewayId = 'did:web:localhost%3A2590#dunlin_live';

export const room = (rkey: string, changes: Record<string, unknown> = {}): IndexOperation => ({
  action: 'put', collection: 'app.dunlin.live.room', rkey, cid,
  record: {
    $type: 'app.dunlin.live.room', name: 'The hide', kind: 'app.dunlin.live.defs#chat', access: { $type: 'app.dunlin.live.room#public', anonymousRead: true },
    storage: 'repo', gateway: gatewayId, createdAt, ...changes,
  },
});

export const roomUri = (did: string, rkey: string): string => `at://${did}/app.dunlin.live.room/${rkey}`;

export const message = (rkey: string, roomOf: string, text: string, changes: Record<string, unknown> = {}): IndexOperation => ({
  action: 'put', collection: 'app.dunlin.live.message', rkey, cid, record: { $type: 'app.dunlin.live.message', room: roomOf, text, createdAt, ...changes },
});

export const account = (did: string, status: string): IndexEvent => ({ kind: 'account', did, isActive: status === 'active', status: status === 'active' ? null : status });
