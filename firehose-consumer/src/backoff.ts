/**
 * Waiting times between attempts: exponential with full jitter, so that many clients of one server that went away
 * do not all come back at once.
 * Not for: waiting itself; whoever asks owns the timer.
 * Place in the flow: every reconnect of a `Subscription`, every retry of a handler or an identity lookup.
 * Source: ours; "full jitter" as commonly described: uniform over [0, min(max, min × 2^n)).
 */
import { assert } from '@dunlin/protocol/base/assert';

/** Bounds of a `Backoff`, in milliseconds. */
export interface BackoffOptions {
  /** The widest first wait. */
  minMs: number;
  /** The widest wait ever. */
  maxMs: number;
  /** A number in [0, 1); `Math.random` by default. */
  random?: () => number;
}

/** Gives waiting times that widen with every call until `reset`. */
export class Backoff {
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #attempts = 0;

  constructor(options: BackoffOptions) {
    assert(options.minMs > 0 && options.maxMs >= options.minMs, `back-off bounds: min=${options.minMs} max=${options.maxMs}`);
    this.#minMs = options.minMs;
    this.#maxMs = options.maxMs;
    this.#random = options.random ?? Math.random;
  }

  /** How many waits were given since the last reset. */
  get attempts(): number {
    return this.#attempts;
  }

  /** Gives the next wait in whole milliseconds, 0 or more and below the ceiling of this attempt. */
  nextMs(): number {
    const ceilingMs = Math.min(this.#maxMs, this.#minMs * 2 ** Math.min(this.#attempts, 40));
    this.#attempts += 1;
    return Math.floor(this.#random() * ceilingMs);
  }

  /** Starts anew: the next wait is at most `minMs`. */
  reset(): void {
    this.#attempts = 0;
  }
}
