/**
 * How fast one host may be asked about its accounts: so many questions a second, few at a time, and long pauses while it
 * does not answer.
 * Not for the host's stream. Place in the flow: one for each host that has accounts to ask about.
 * Source: ours; hosts of the field allow ten calls a second to one address.
 */

/** Questions to one host under way. */
const atOnce = 2;
const firstPauseMs = 5_000;
const maxPauseMs = 3_600_000;

/** Paces one host. Times are of the monotonic clock. */
export class HostPace {
  readonly #everyMs: number;
  #running = 0;
  #nextMs = 0;
  #failures = 0;

  constructor(perSecond: number) {
    this.#everyMs = 1_000 / perSecond;
  }

  /** True while nothing is known that a new pace would not know. */
  isForgettable(nowMs: number): boolean {
    return this.#running === 0 && this.#failures === 0 && nowMs >= this.#nextMs;
  }

  mayAsk(nowMs: number): boolean {
    return this.#running < atOnce && nowMs >= this.#nextMs;
  }

  begin(nowMs: number): void {
    this.#running += 1;
    this.#nextMs = Math.max(nowMs, this.#nextMs + this.#everyMs);
  }

  /** Takes one more turn within a question that is under way; gives how long to wait for it, in ms. */
  reserve(nowMs: number): number {
    const atMs = Math.max(nowMs, this.#nextMs);
    this.#nextMs = atMs + this.#everyMs;
    return atMs - nowMs;
  }

  /** Ends a question; `retryMs` is what the host asked for, or null. */
  end(nowMs: number, hasFailed: boolean, retryMs: number | null = null): void {
    this.#running -= 1;
    if (!hasFailed) {
      this.#failures = 0;
      return;
    }
    const pauseMs = Math.min(maxPauseMs, firstPauseMs * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
    this.#nextMs = Math.max(this.#nextMs, nowMs + (retryMs ?? pauseMs));
  }
}
