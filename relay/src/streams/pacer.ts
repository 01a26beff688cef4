/**
 * Says when a feed flushes: at once when there is little to do, gathered for a few ms under load, since a write to a
 * hundred sockets costs more than its bytes.
 * Place in the flow: inside a feed; the same rule as service/firehose/outbox.ts has for the plain firehose.
 * Source: ours.
 */
import type { Clock, Timer } from '@dunlin/protocol/base/clock';

/** So many bytes are worth a flush without gathering more. */
const worthFlushingBytes = 65_536;

/** The time spent on a flush is at most this part of the time between flushes, until the longest wait is reached. */
const flushShare = 1 / 4;

/** Gathers until a flush is due. */
export class Pacer {
  readonly #clock: Clock;
  readonly #maxWaitMs: number;
  readonly #onDue: () => void;
  #timer: Timer | null = null;
  #gatheredBytes = 0;
  #flushedAtMs = -Infinity;
  #costMs = 0;

  /** `onDue` is called whenever a flush is due. */
  constructor(clock: Clock, maxWaitMs: number, onDue: () => void) {
    this.#clock = clock;
    this.#maxWaitMs = maxWaitMs;
    this.#onDue = onDue;
  }

  /** True when something was gathered and need not wait. */
  get isDue(): boolean {
    return this.#gatheredBytes > 0 && this.#timer === null;
  }

  /** Notes new bytes of the log. */
  gather(bytes: number): void {
    this.#gatheredBytes += bytes;
    const gatherMs = Math.min(this.#maxWaitMs, this.#costMs / flushShare);
    const waitMs = this.#gatheredBytes >= worthFlushingBytes ? 0 : this.#flushedAtMs + gatherMs - this.#clock.elapsedMs();
    if (waitMs < 1) {
      this.#timer?.cancel();
      this.#timer = null;
      this.#onDue();
    } else this.#timer ??= this.#clock.after(Math.ceil(waitMs), () => {
      this.#timer = null;
      this.#onDue();
    });
  }

  /** Notes that all or some of what was gathered is being flushed; `leftBytes` of it are not. */
  flushing(leftBytes: number): void {
    this.#gatheredBytes = leftBytes;
  }

  /** Notes that a flush is done and what it cost. */
  flushed(costMs: number): void {
    this.#flushedAtMs = this.#clock.elapsedMs();
    this.#costMs = costMs;
  }

  /** Forgets what was gathered. */
  reset(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#gatheredBytes = 0;
  }
}
