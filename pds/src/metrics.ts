/**
 * Every figure the PDS counts, declared in one place.
 * Not for the outbox's and the HTTP layer's, which `service/` declares. No DID, CID, URI or address is a label.
 * Source: ours.
 */
import type { Metrics } from '@dunlin/service/metrics/registry';
import type { GroupObserver } from './sequencer/group-commit.ts';

/** Parts that are asked for their figures. */
export interface PdsFigures {
  accounts(): number;
  headSeq(): number;
  oldestSeq(): number;
}

/** Declares the figures and gives what counts groups of writes. */
export function declarePdsMetrics(metrics: Metrics, figures: PdsFigures): GroupObserver {
  metrics.gauge({ name: 'accounts_held', help: 'Accounts of any standing.', read: () => figures.accounts() });
  metrics.gauge({ name: 'events_head_seq', help: 'Seq of the newest event.', read: () => figures.headSeq() });
  metrics.gauge({ name: 'events_oldest_seq', help: 'Seq of the oldest event that can be replayed.', read: () => figures.oldestSeq() });
  const writes = metrics.counter({ name: 'writes_committed_total', help: 'Writes in groups that became durable, refused ones included.' }).child();
  const groups = metrics.counter({ name: 'write_groups_committed_total', help: 'Transactions that writes shared.' }).child();
  const seconds = metrics.histogram({ name: 'write_group_seconds', help: 'Time one group of writes took, its fsync included.' });
  return {
    committed(group) {
      groups.inc();
      writes.inc(group.writes);
      seconds.observe(group.seconds);
    },
  };
}

/** Declares the figures of the place for blobs, where it is a bucket, and gives what counts requests that failed after all their tries. */
export function declareBlobMetrics(metrics: Metrics): () => void {
  const failed = metrics.counter({ name: 'blob_storage_requests_failed_total', help: 'Requests to the bucket of blobs that failed after all their tries.' }).child();
  return () => failed.inc();
}
