/**
 * Turns what the firehose consumer gives into what the indexer takes: records as JSON, links as text.
 * Not for verifying: the consumer has done that.
 * Source: ours, see docs/flow.md hop 10.
 */
import type { ConsumerEvent, RecordOperation } from '@dunlin/firehose-consumer';
import { toJson } from '@dunlin/protocol/data/json';
import type { IndexEvent, IndexOperation } from '../index/event.ts';

/** Gives the event for the index; null for kinds that change nothing in it. */
export function toIndexEvent(event: ConsumerEvent): IndexEvent | null {
  switch (event.kind) {
    case 'commit':
      return { kind: 'commit', did: event.did, rev: event.rev, operations: event.ops.map(toOperation) };
    case 'account':
      return { kind: 'account', did: event.did, isActive: event.active, status: event.status };
    case 'identity':
      return { kind: 'identity', did: event.did };
    case 'record':
    case 'sync':
      return null;
  }
}

function toOperation(operation: RecordOperation): IndexOperation {
  const { collection, rkey } = operation;
  if (operation.action === 'delete') return { action: 'delete', collection, rkey };
  return { action: 'put', collection, rkey, cid: operation.cid.toString(), record: toJson(operation.record) };
}
