/**
 * Reads the stream through our own SDK, like any third party would, and hands it to the indexer batch by batch.
 * The cursor is kept by the index, in the transaction of the rows, so a crash repeats and never skips.
 * Not for what events mean (index/) nor for verifying them (firehose-consumer).
 * Source: ours, see docs/flow.md hops 9 and 10, docs/invariants.md 12.
 */
import { faultText, FirehoseConsumer, type EventBatch, type Notice } from '@dunlin/firehose-consumer';
import type { Clock } from '@dunlin/protocol/base/clock';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import type { Logger } from '@dunlin/service/log/logger';
import type { Indexer } from '../index/indexer.ts';
import type { AppviewMetrics } from '../metrics.ts';
import type { IndexStore } from '../store/index-store.ts';
import { toIndexEvent } from './index-event.ts';

/** Parts. */
export interface IngestOptions {
  /** Relay or PDS to read; each has its own cursor. */
  readonly service: string;
  readonly verify: 'full' | 'signature' | 'none';
  readonly indexer: Indexer;
  readonly store: IndexStore;
  readonly resolver: IdentityResolver;
  readonly clock: Clock;
  readonly log: Logger;
  readonly counters: AppviewMetrics;
  /** Called after each batch is durable and told. */
  readonly onWritten: () => void;
  /** Called when the stream cannot go on: our own fault, or a database that cannot be written. */
  readonly onFatal: (error: unknown) => void;
}

/** The reading of one stream. */
export interface Ingest {
  /** Stops reading; resolves when the batch under way is done. */
  close(): Promise<void>;
}

/** Begins at the stored cursor, or with the oldest the service has. */
export function startIngest(o: IngestOptions): Ingest {
  const consumer = new FirehoseConsumer({
    service: o.service,
    cursorStore: { load: () => Promise.resolve(o.store.cursor(o.service)), save: () => Promise.resolve() },
    cursor: 0,
    unit: 'commit',
    collections: o.indexer.collections,
    verify: o.verify,
    identity: o.resolver,
    clock: o.clock,
    onDrop: ({ reason }) => o.counters.dropped.inc({ reason }),
    onNotice: listenTo(o),
  });
  const ended = consumer.runBatches((batch) => write(batch, o)).catch(o.onFatal);
  return {
    async close() {
      await consumer.close();
      await ended;
    },
  };
}

function write({ events, cursor }: EventBatch, o: IngestOptions): void {
  const startMs = o.clock.elapsedMs();
  const indexEvents = events.map(toIndexEvent).filter((event) => event !== null);
  for (const event of events) if (event.kind === 'identity') o.resolver.invalidate(event.did);
  o.indexer.apply(indexEvents, cursor === null ? null : { service: o.service, seq: cursor });
  o.counters.batches.observe((o.clock.elapsedMs() - startMs) / 1_000);
  o.counters.batchEvents.observe(events.length);
  o.onWritten();
}

/** Counts and logs what the stream says; an outage is one line at its beginning and one at its end. */
function listenTo(o: IngestOptions): (notice: Notice) => void {
  let isOut = false;
  return (notice) => {
    if (notice.kind === 'state') {
      if (notice.state !== 'open' || !isOut) return;
      isOut = false;
      o.log.info({ stream: o.service }, 'stream is back');
      return;
    }
    hear(notice, o);
    if (notice.kind !== 'fault' || isOut) return;
    isOut = true;
    o.log.warn({ stream: o.service, fault: faultText(notice.fault) }, 'stream interrupted, coming back');
  };
}

function hear(notice: Notice, o: IngestOptions): void {
  if (notice.kind === 'state') return;
  o.counters.streamFaults.inc({ fault: notice.kind });
  if (notice.kind === 'fault') o.log.debug({ stream: o.service, fault: faultText(notice.fault) }, 'stream interrupted');
  else if (notice.kind !== 'info') o.log.warn({ stream: o.service, notice: notice.kind }, 'stream did not go on as it was');
}
