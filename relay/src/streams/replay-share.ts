/**
 * The part of the main thread that consumers who are behind may take all together: replaying the whole window for a filter that
 * wants nothing costs the relay much and the consumer nothing, and new events must not wait for that.
 * Time that was not used is kept, up to a burst. Not for live consumers. Place in the flow: asked by every feed's catch-up.
 * Source: ours.
 */
import type { Clock, Timer } from '@dunlin/protocol/base/clock';

/** Time that may be spent at once after a rest, in ms. */
const burstMs = 200;

/** Once spent, so much is waited for before anybody goes on, in ms of work. */
const worthWakingMs = 4;

/** Time to spend on replays. */
export class ReplayShare {
  readonly #clock: Clock;
  readonly #share: number;
  readonly #waiting = new Set<() => void>();
  #leftMs = burstMs;
  #atMs: number;
  #timer: Timer | null = null;

  /** `share` of the time, above 0 and up to 1. */
  constructor(clock: Clock, share: number) {
    this.#clock = clock;
    this.#share = share;
    this.#atMs = clock.elapsedMs();
  }

  /** True when there is time left; else `onTime` is called, once, when there is again. */
  hasTime(onTime: () => void): boolean {
    this.#regain();
    if (this.#leftMs > 0) return true;
    this.#waiting.add(onTime);
    this.#timer ??= this.#clock.after(Math.ceil((worthWakingMs - this.#leftMs) / this.#share), () => this.#wake(), { unref: true });
    return false;
  }

  /** Does some work and takes its time off what is left. */
  spend(work: () => void): void {
    const startMs = this.#clock.elapsedMs();
    try {
      work();
    } finally {
      this.#leftMs -= this.#clock.elapsedMs() - startMs;
    }
  }

  /** Wakes nobody any more. */
  close(): void {
    this.#timer?.cancel();
    this.#waiting.clear();
  }

  #regain(): void {
    const nowMs = this.#clock.elapsedMs();
    this.#leftMs = Math.min(burstMs, this.#leftMs + (nowMs - this.#atMs) * this.#share);
    this.#atMs = nowMs;
  }

  #wake(): void {
    this.#timer = null;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const onTime of waiting) onTime();
  }
}
