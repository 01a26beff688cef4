/**
 * How many bytes of events are held, and when that is too much: the brake of guarantee 3.
 * Not for: stopping anything itself; it calls `onFull` and `onFree`, once per change.
 * Place in the flow: an event is charged when it is taken in and refunded when it is closed.
 * Rule: full at `maxBytes` or more, free again below half of it, so that a source is not stopped and started per event.
 * Source: ours, see firehose-consumer/README.md.
 */
import { assert } from '@dunlin/protocol/base/assert';

/** The bound of a budget in bytes and who hears about it. */
export interface BudgetOptions {
  maxBytes: number;
  onFull: () => void;
  onFree: () => void;
}

/** Counts bytes against a bound. The last event may reach beyond it, so the most ever held is `maxBytes` and one event. */
export class Budget {
  readonly #options: BudgetOptions;
  #heldBytes = 0;
  #isFull = false;
  #waiting: (() => void)[] = [];

  constructor(options: BudgetOptions) {
    assert(options.maxBytes > 0, `budget needs bytes: max=${options.maxBytes}`);
    this.#options = options;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  /** Resolves when it is not full. */
  free(): Promise<void> {
    return this.#isFull ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve();
  }

  charge(bytes: number): void {
    this.#heldBytes += bytes;
    if (this.#isFull || this.#heldBytes < this.#options.maxBytes) return;
    this.#isFull = true;
    this.#options.onFull();
  }

  refund(bytes: number): void {
    this.#heldBytes -= bytes;
    assert(this.#heldBytes >= 0, `refunded more than was charged: held=${this.#heldBytes}`);
    if (!this.#isFull || this.#heldBytes >= this.#options.maxBytes / 2) return;
    this.#isFull = false;
    for (const resolve of this.#waiting.splice(0)) resolve();
    this.#options.onFree();
  }
}
