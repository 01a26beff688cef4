/**
 * Knows which events of a host are still open and from that its cursor: the highest seq with nothing open at or below.
 * Not for storing it (host-store.ts).
 * Place in the flow: opened when a frame is taken in; settled when it was dropped, or accepted and is durable in the log.
 * Source: ours, docs/invariants.md 6: the cursor is the last thing to move.
 */

/** One event on its way. */
export interface OpenEvent {
  readonly seq: number;
  isSettled: boolean;
}

/** Tracks one host's numbering; a host that starts a new one gets a new tracker. */
export class CursorTracker {
  /** In order of seq; from `#first` on, the first of them is open. */
  #events: OpenEvent[] = [];
  #first = 0;
  #cursor: number;
  #lastSeq: number;

  /** Begins after `cursor`. */
  constructor(cursor: number) {
    this.#cursor = cursor;
    this.#lastSeq = cursor;
  }

  /** Everything up to here is decided and durable. */
  get cursor(): number {
    return this.#cursor;
  }

  /** The highest seq taken in: where a new connection goes on within this run. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** How many events are not settled, or settled behind one that is not. */
  get waiting(): number {
    return this.#events.length - this.#first;
  }

  /** Takes in an event; its seq must be above `lastSeq`. */
  open(seq: number): OpenEvent {
    const event = { seq, isSettled: false };
    this.#events.push(event);
    this.#lastSeq = seq;
    return event;
  }

  /** Ends an event. */
  settle(event: OpenEvent): void {
    event.isSettled = true;
    for (let first = this.#events[this.#first]; first?.isSettled; first = this.#events[this.#first]) {
      this.#cursor = first.seq;
      this.#first += 1;
    }
    if (this.#first > 1_024 && this.#first * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#first);
      this.#first = 0;
    }
  }
}
