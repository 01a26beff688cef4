/**
 * How many events this server made in the last minute: counted as they become durable, by second.
 * Not a metric: Prometheus reads `events_head_seq`; this is for the operator's page, which has no history to subtract from.
 * Source: ours.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Sequencer } from './sequencer.ts';

/** How far back is looked, in seconds. */
export const rateWindowSeconds = 60;

/** Counts events. */
export class EventRate {
  readonly #clock: Clock;
  /** Events by second, in a ring; a bucket counts only while its second is within the window. */
  readonly #counts = new Float64Array(rateWindowSeconds);
  readonly #seconds = new Float64Array(rateWindowSeconds).fill(0);
  /** Ends the counting. */
  readonly close: () => void;

  constructor(sequencer: Pick<Sequencer, 'onAppend'>, clock: Clock) {
    this.#clock = clock;
    this.close = sequencer.onAppend(({ count }) => this.#add(count));
  }

  /** Events of the last minute. */
  lastMinute(): number {
    const now = this.#second();
    let sum = 0;
    for (let index = 0; index < rateWindowSeconds; index++) if (now - (this.#seconds[index] ?? 0) < rateWindowSeconds) sum += this.#counts[index] ?? 0;
    return sum;
  }

  #add(count: number): void {
    const second = this.#second();
    const index = second % rateWindowSeconds;
    if (this.#seconds[index] !== second) this.#counts[index] = 0;
    this.#seconds[index] = second;
    this.#counts[index] = (this.#counts[index] ?? 0) + count;
  }

  #second(): number {
    return Math.floor(this.#clock.elapsedMs() / 1_000) + rateWindowSeconds;
  }
}
