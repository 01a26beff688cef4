/**
 * Metrics of the outbox, the same in every service that has one.
 * Not for metrics of the log behind it: those are its owner's.
 * Source: ours.
 */
import type { Counter, CounterChild, Metrics } from '../metrics/registry.ts';

/** What the outbox counts. */
export interface OutboxMetrics {
  readonly sentEvents: CounterChild;
  readonly sentBytes: CounterChild;
  readonly logReads: CounterChild;
  readonly cuts: Counter<'reason'>;
}

/** Declares them; `read` gives the figures of now. */
export function outboxMetrics(metrics: Metrics, read: { readonly consumers: () => number; readonly ringBytes: () => number }): OutboxMetrics {
  metrics.gauge({ name: 'outbox_consumers', help: 'Consumers connected now.', read: read.consumers });
  metrics.gauge({ name: 'outbox_ring_bytes', help: 'Memory held for the newest frames.', read: read.ringBytes });
  return {
    sentEvents: metrics.counter({ name: 'outbox_events_sent_total', help: 'Events handed to consumers, all consumers together.' }).child(),
    sentBytes: metrics.counter({ name: 'outbox_bytes_sent_total', help: 'Bytes handed to consumers, all consumers together.' }).child(),
    logReads: metrics.counter({ name: 'outbox_log_reads_total', help: 'Times a consumer that was behind read the log.' }).child(),
    cuts: metrics.counter({ name: 'outbox_consumers_cut_total', help: 'Consumers cut with ConsumerTooSlow: stalled, or out of the replay window.', labels: ['reason'] }),
  };
}
