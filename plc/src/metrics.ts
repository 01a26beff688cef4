/**
 * What the directory counts.
 * Not for counting requests: the app does that by route.
 * Source: ours.
 */
import type { Counter, Metrics } from '@dunlin/service/metrics/registry';

/** Counters of the directory. */
export interface PlcMetrics {
  /** Submitted operations by what became of them. */
  readonly operations: Counter<'outcome'>;
}

/** Declares the counters. */
export function declarePlcMetrics(metrics: Metrics): PlcMetrics {
  return {
    operations: metrics.counter({
      name: 'operations_submitted_total',
      help: 'Submitted operations: genesis, update, tombstone, recovery, repeated, malformed, limited, or the reason of the refusal.',
      labels: ['outcome'],
    }),
  };
}
