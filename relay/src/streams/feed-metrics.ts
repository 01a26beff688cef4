/**
 * Metrics of the streams beside the plain firehose, the same for every feed, told apart by the stream's name.
 * Not for the log nor for the plain firehose: those have their own. Declared once by serve.ts.
 * Source: ours.
 */
import type { Counter, CounterChild, Metrics } from '@dunlin/service/metrics/registry';
import type { CutReason } from './sink.ts';

/** Every stream has a feed; the name is a metric label. */
export const streamNames = ['json', 'json_zstd', 'json_zstd_dictionary', 'events', 'poll', 'frames'] as const;

/** One of them. */
export type StreamName = (typeof streamNames)[number];

/** What one feed counts. */
export interface FeedMetrics {
  readonly sentEvents: CounterChild;
  readonly sentBytes: CounterChild;
  cut(reason: CutReason): void;
}

/** Counters of all feeds. */
export interface StreamMetrics {
  feed(stream: StreamName): FeedMetrics;
  readonly optionsUpdates: Counter<'result'>;
}

/** Declares the counters. */
export function streamMetrics(metrics: Metrics): StreamMetrics {
  const sentEvents = metrics.counter({ name: 'stream_events_sent_total', help: 'Events handed to consumers of a stream, all together.', labels: ['stream'] });
  const sentBytes = metrics.counter({ name: 'stream_sent_bytes', help: 'Bytes handed to consumers of a stream, all together.', labels: ['stream'] });
  const cuts = metrics.counter({ name: 'stream_consumers_cut_total', help: 'Consumers of a stream that were cut, by reason.', labels: ['stream', 'reason'] });
  return {
    feed: (stream) => ({ sentEvents: sentEvents.child({ stream }), sentBytes: sentBytes.child({ stream }), cut: (reason) => cuts.inc({ stream, reason }) }),
    optionsUpdates: metrics.counter({ name: 'stream_options_updates_total', help: 'Messages with new options from consumers of /subscribe.', labels: ['result'] }),
  };
}

/** What is read when somebody looks. */
export interface StreamFigures {
  readonly consumers: (stream: StreamName) => number;
  readonly pageBytes: () => number;
  readonly filterBytes: () => number;
}

/** Declares the gauges. */
export function declareStreamGauges(metrics: Metrics, figures: StreamFigures): void {
  for (const stream of streamNames) {
    metrics.gauge({ name: `stream_${stream}_consumers`, help: 'Consumers of this stream connected now.', read: () => figures.consumers(stream) });
  }
  metrics.gauge({ name: 'stream_pages_bytes', help: 'Memory held for events that are streamed.', read: figures.pageBytes });
  metrics.gauge({ name: 'stream_filters_bytes', help: 'Memory taken by filters of consumers, roughly.', read: figures.filterBytes });
}
