/**
 * Every figure the PDS counts, declared in one place.
 * Not for the outbox's and the HTTP layer's, which `service/` declares. No DID, CID, URI or address is a label.
 * Source: ours.
 */
import type { Metrics } from '@dunlin/service/metrics/registry';
import type { MoveObserver } from './moving/move-runner.ts';
import { moveSteps } from './moving/move-store.ts';
import type { GroupObserver } from './sequencer/group-commit.ts';

/** Parts that are asked for their figures. */
export interface PdsFigures {
  accounts(): number;
  headSeq(): number;
  oldestSeq(): number;
  fileBytes(): number;
  openIntents(): number;
}

/** Declares the figures and gives what counts groups of writes. */
export function declarePdsMetrics(metrics: Metrics, figures: PdsFigures): GroupObserver {
  metrics.gauge({ name: 'accounts_held', help: 'Accounts of any standing.', read: () => figures.accounts() });
  metrics.gauge({ name: 'events_head_seq', help: 'Seq of the newest event.', read: () => figures.headSeq() });
  metrics.gauge({ name: 'events_oldest_seq', help: 'Seq of the oldest event that can be replayed.', read: () => figures.oldestSeq() });
  metrics.gauge({ name: 'events_file_bytes', help: 'Bytes of events in files; newer ones lie in the database.', read: () => figures.fileBytes() });
  metrics.gauge({ name: 'identity_changes_open', help: 'Changes of identities of which it is not settled whether the did:plc directory took them.', read: () => figures.openIntents() });
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

/** Declares the figures of moves into this server, and gives what counts them. */
export function declareMoveMetrics(metrics: Metrics, { counts }: { counts: () => { running: number; inLine: number } }): MoveObserver {
  metrics.gauge({ name: 'moves_running', help: 'Moves into this server that are at work.', read: () => counts().running });
  metrics.gauge({ name: 'moves_in_line', help: 'Moves into this server that wait for others.', read: () => counts().inLine });
  const begun = metrics.counter({ name: 'moves_begun_total', help: 'Moves that were begun, from old servers and from archives.' }).child();
  const finished = metrics.counter({ name: 'moves_finished_total', help: 'Moves that came to their end.' }).child();
  const abandoned = metrics.counter({ name: 'moves_abandoned_total', help: 'Moves that were thrown away.' }).child();
  const stopped = metrics.counter({ name: 'moves_stopped_total', help: 'Times a move stopped until somebody does something, by the step it was at.', labels: ['step'] });
  const received = metrics.counter({ name: 'moves_received_bytes_total', help: 'Bytes that came from old servers, by the step.', labels: ['step'] });
  for (const step of moveSteps) if (step !== 'done') stopped.inc({ step }, 0);
  const bytes = { repo: received.child({ step: 'repo' }), blobs: received.child({ step: 'blobs' }) };
  return {
    begun: () => begun.inc(),
    finished: () => finished.inc(),
    abandoned: () => abandoned.inc(),
    stopped: (step) => stopped.inc({ step }),
    received: (step, count) => bytes[step].inc(count),
  };
}
