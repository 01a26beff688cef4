/**
 * The counters of the collection index, as its parts count on them; metrics.ts declares them.
 * Not for figures of one host or collection: those are no labels.
 * Source: ours.
 */
import type { CounterChild } from '@dunlin/service/metrics/registry';

/** What checks count. */
export interface CollectionMetrics {
  /** Questions to hosts, by what became of them. */
  readonly checked: Readonly<Record<'told' | 'away' | 'failed', CounterChild>>;
  /** Proofs asked of hosts, by what became of them; corrected: the host had told something else. */
  readonly proved: Readonly<Record<'proven' | 'corrected' | 'unprovable' | 'failed', CounterChild>>;
}
