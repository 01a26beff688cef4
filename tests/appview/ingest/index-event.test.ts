/** What the consumer gives becomes what the indexer takes: records as JSON, links as text, and nothing of what it cannot use. */
import { expect, test } from '@jest/globals';
import type { ConsumerEvent } from '@dunlin/firehose-consumer';
import { parseCid } from '@dunlin/protocol/data/cid';
import { toIndexEvent } from '@dunlin/appview/ingest/index-event';
import { cid } from '../small-index.ts';

const base = { seq: 1, did: 'did:plc:44ybard66vv44zksje25o7dz', time: '2026-01-01T00:00:00Z', ack: () => undefined };
const link = parseCid(cid);

test('a commit keeps its operations in order, with links and bytes in their JSON form', () => {
  const event: ConsumerEvent = {
    ...base, kind: 'commit', rev: '3k', since: null, commit: link, isResync: false,
    ops: [
      { action: 'create', collection: 'a.b.c', rkey: 'x', uri: 'at://…', cid: link, prev: null, record: { link, bytes: new Uint8Array([1, 2, 3]) } },
      { action: 'delete', collection: 'a.b.c', rkey: 'y', uri: 'at://…', cid: null, prev: link, record: null },
    ],
  };
  expect(toIndexEvent(event)).toEqual({
    kind: 'commit', did: base.did, rev: '3k',
    operations: [
      { action: 'put', collection: 'a.b.c', rkey: 'x', cid, record: { link: { $link: cid }, bytes: { $bytes: 'AQID' } } },
      { action: 'delete', collection: 'a.b.c', rkey: 'y' },
    ],
  });
});

test('statuses and identities are passed on, a sync changes nothing by itself', () => {
  expect(toIndexEvent({ ...base, kind: 'account', active: false, status: 'takendown' })).toEqual({ kind: 'account', did: base.did, isActive: false, status: 'takendown' });
  expect(toIndexEvent({ ...base, kind: 'identity', handle: 'hint.example' })).toEqual({ kind: 'identity', did: base.did });
  expect(toIndexEvent({ ...base, kind: 'sync', rev: '3k', blocks: new Uint8Array() })).toBeNull();
});
