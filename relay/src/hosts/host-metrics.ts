/**
 * The counters of hosts; metrics.ts declares them.
 * Not for figures of one host: a hostname is no label.
 * Source: ours.
 */
import type { CounterChild } from '@dunlin/service/metrics/registry';

/** What the host pool counts. */
export interface HostMetrics {
  /** Hosts that began a new numbering: they did not know our cursor, or went back by themselves. */
  readonly newNumberings: CounterChild;
  /** Text messages where binary ones belong. */
  readonly textFrames: CounterChild;
}
