/**
 * Lets items out in the order in which they came in, however long each takes to be judged in between.
 * Not for: bounding what waits (its owner counts bytes) or for work of its own.
 * Place in the flow: behind verification, for those who need the order of the whole stream and not only that of a DID.
 * Source: ours.
 */
import { Queue } from './queue.ts';

/** One item on its way; `admit` gives it, `settle` takes it back. */
export interface Place<T> {
  readonly item: T;
  state: 'waiting' | 'kept' | 'dropped';
}

/** Takes items in, waits for each verdict, lets the kept ones out in order. */
export class InOrder<T> {
  readonly #queue = new Queue<Place<T>>();
  readonly #release: (item: T) => void;

  /** `release` is called for each kept item, as soon as everything before it has its verdict. */
  constructor(release: (item: T) => void) {
    this.#release = release;
  }

  /** How many are waiting. */
  get size(): number {
    return this.#queue.size;
  }

  /** Takes an item in at the end. */
  admit(item: T): Place<T> {
    const place: Place<T> = { item, state: 'waiting' };
    this.#queue.push(place);
    return place;
  }

  /** Says whether an item stays, and lets out what can go. */
  settle(place: Place<T>, isKept: boolean): void {
    place.state = isKept ? 'kept' : 'dropped';
    while (this.#queue.first && this.#queue.first.state !== 'waiting') {
      const first = this.#queue.shift();
      if (first?.state === 'kept') this.#release(first.item);
    }
  }
}
