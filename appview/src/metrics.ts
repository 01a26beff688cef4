/**
 * Every metric of the app view, declared once.
 * Not for counting: the parts get the functions they count with.
 * Source: ours, names as in STYLE.md.
 */
import type { Metrics } from '@dunlin/service/metrics/registry';

/** What is counted while running. */
export type AppviewMetrics = ReturnType<typeof declareAppviewMetrics>;

/** Figures that are read when somebody asks. */
export interface AppviewGauges {
  readonly sessions: () => number;
  readonly streams: () => number;
  readonly rooms: () => number;
  readonly trackedSubjects: () => number;
  readonly cursor: () => number;
}

/** Declares the metrics. */
export function declareAppviewMetrics(metrics: Metrics) {
  return {
    records: metrics.counter({ name: 'records_indexed_total', help: 'Records from the stream, by what became of them.', labels: ['outcome'] }),
    batches: metrics.histogram({ name: 'batch_write_seconds', help: 'Time one transaction of the index took, with everybody told.' }),
    batchEvents: metrics.histogram({ name: 'batch_events', help: 'Events in one transaction.', buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500] }),
    oldCommits: metrics.counter({ name: 'commits_repeated_total', help: 'Commits passed by because their rev was not newer.' }),
    dropped: metrics.counter({ name: 'events_dropped_total', help: 'Events that did not verify, by reason.', labels: ['reason'] }),
    streamFaults: metrics.counter({ name: 'stream_faults_total', help: 'Times the stream broke or complained.', labels: ['fault'] }),
    quiet: metrics.counter({ name: 'messages_quiet_total', help: 'Messages indexed but not told as news, by why.', labels: ['why'] }),
    byes: metrics.counter({ name: 'sessions_ended_total', help: 'Sessions ended by the gateway, by reason.', labels: ['reason'] }),
    handles: metrics.counter({ name: 'handles_checked_total', help: 'Handles looked up, by what came of it.', labels: ['outcome'] }),
  };
}

/** Declares the figures that are read from the parts. */
export function declareAppviewGauges(metrics: Metrics, gauges: AppviewGauges): void {
  metrics.gauge({ name: 'sessions_open', help: 'Sessions of the gateway.', read: gauges.sessions });
  metrics.gauge({ name: 'event_streams_open', help: 'Streams of server-sent events.', read: gauges.streams });
  metrics.gauge({ name: 'rooms_live', help: 'Rooms with somebody in them, or just left.', read: gauges.rooms });
  metrics.gauge({ name: 'subjects_tracked', help: 'Subjects whose counts somebody watches.', read: gauges.trackedSubjects });
  metrics.gauge({ name: 'stream_cursor', help: 'Seq up to which the stream is in the index.', read: gauges.cursor });
}
