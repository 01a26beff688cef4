/**
 * What a consumer counts, and the hook through which somebody else's metrics hear it.
 * Not for: exporting (bring your own registry) or gauges, which `FirehoseConsumer.stats` gives on demand.
 * Place in the flow: counted where it happens; a counter costs an addition.
 * Source: ours.
 */
import type { Drop } from './notice.ts';

/**
 * frames, bytes: received. unknown: frames of kinds nobody knows, passed by. filtered: not wanted. dropped: left out,
 * by reason. delivered: events handed over. connects: times a connection opened. faults: times one failed. saves: of
 * the cursor. known: events left out as told before. gaps: of accounts. resyncs: repositories fetched and compared.
 */
export type ConsumerCounter = 'frames' | 'bytes' | 'unknown' | 'filtered' | 'dropped' | 'delivered' | 'connects' | 'faults' | 'saves' | 'known' | 'gaps' | 'resyncs';

/** The hook: called for every addition, `reason` only with `dropped`. Must be quick and must not throw. */
export interface ConsumerMetrics {
  add(counter: ConsumerCounter, amount: number, reason?: Drop['reason']): void;
}

/** Adds up, and tells the hook when there is one. */
export class Counters {
  readonly #totals: Record<ConsumerCounter, number> = { frames: 0, bytes: 0, unknown: 0, filtered: 0, dropped: 0, delivered: 0, connects: 0, faults: 0, saves: 0, known: 0, gaps: 0, resyncs: 0 };
  readonly #hook: ConsumerMetrics | undefined;

  constructor(hook?: ConsumerMetrics) {
    this.#hook = hook;
  }

  add(counter: ConsumerCounter, amount = 1, reason?: Drop['reason']): void {
    this.#totals[counter] += amount;
    this.#hook?.add(counter, amount, reason);
  }

  /** Gives a copy of all totals. */
  totals(): Record<ConsumerCounter, number> {
    return { ...this.#totals };
  }
}
