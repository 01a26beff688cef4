/**
 * The last ten minutes in figures, for the chart on the first page: one sample every two seconds.
 * Not for monitoring (metrics.ts). Place in the flow: reads counts that others keep.
 * Source: ours. Bounded: three hundred samples.
 */
import type { Clock, Timer } from '@dunlin/protocol/base/clock';

/** Counts since the start, and figures of the moment. */
export interface Counts {
  readonly received: number;
  readonly accepted: number;
  readonly dropped: number;
  readonly consumers: number;
}

/** Rates over one step: per second, but for consumers. */
export interface Sample extends Counts {
  /** Seconds since 1970. */
  readonly at: number;
}

const stepMs = 2_000;
const maxSamples = 300;

/** Takes samples. */
export class LiveFigures {
  readonly #clock: Clock;
  readonly #read: () => Counts;
  readonly #timer: Timer;
  readonly #samples: Sample[] = [];
  #before: Counts;
  #beforeMs: number;

  constructor(clock: Clock, read: () => Counts) {
    this.#clock = clock;
    this.#read = read;
    this.#before = read();
    this.#beforeMs = clock.elapsedMs();
    this.#timer = clock.every(stepMs, () => this.#sample(), { unref: true });
  }

  /** Samples, oldest first. */
  get samples(): readonly Sample[] {
    return this.#samples;
  }

  close(): void {
    this.#timer.cancel();
  }

  #sample(): void {
    const now = this.#read();
    const nowMs = this.#clock.elapsedMs();
    const seconds = Math.max(0.001, (nowMs - this.#beforeMs) / 1_000);
    const rate = (name: 'received' | 'accepted' | 'dropped'): number => Math.round(((now[name] - this.#before[name]) / seconds) * 10) / 10;
    this.#samples.push({ at: Math.round(this.#clock.nowMs() / 1_000), received: rate('received'), accepted: rate('accepted'), dropped: rate('dropped'), consumers: now.consumers });
    if (this.#samples.length > maxSamples) this.#samples.shift();
    this.#before = now;
    this.#beforeMs = nowMs;
  }
}
