/**
 * Knows which events are still open and from that the cursor: the highest seq with nothing open at or below it.
 * Not for: storing it (see cursor-store.ts).
 * Place in the flow: an event opens when it is taken in and closes when it is handled, dropped or acknowledged.
 * Invariant: a cursor given never lies above an open event, so whoever starts again from it repeats but never skips.
 * Source: ours, see firehose-consumer/README.md, guarantee 2.
 */
import { assert } from '@dunlin/protocol/base/assert';
import { Queue } from './queue.ts';

/** One event on its way; the tracker's own, others only hold it. */
export interface OpenEvent {
  readonly seq: number;
  isClosed: boolean;
  /** In the batch that is being made or under way. */
  isGiven: boolean;
  /** The highest seq after this event, and before the next open one, that nobody wanted. */
  upTo: number;
}

/** Keeps the open events in order and gives the cursor. Seqs must come in rising order. */
export class CursorTracker {
  /** From the lowest open event on; closed ones may stand between open ones. */
  readonly #queue = new Queue<OpenEvent>();
  #cursor: number | null;
  #lastSeq: number | null;
  #openCount = 0;

  /** Begins at a stored cursor; null: nothing was ever handled. */
  constructor(cursor: number | null) {
    this.#cursor = cursor;
    this.#lastSeq = cursor;
  }

  /** The highest seq with nothing open at or below it; null before the first. */
  get cursor(): number | null {
    return this.#cursor;
  }

  /** The highest seq seen, open or not: where a new connection of this same run goes on. */
  get lastSeq(): number | null {
    return this.#lastSeq;
  }

  get openCount(): number {
    return this.#openCount;
  }

  /** Takes in an event that somebody has to handle. */
  open(seq: number): OpenEvent {
    this.#rise(seq);
    const event: OpenEvent = { seq, isClosed: false, isGiven: false, upTo: seq };
    this.#queue.push(event);
    this.#openCount += 1;
    return event;
  }

  /** Takes note of an event that nobody wants. */
  skip(seq: number): void {
    this.#rise(seq);
    const last = this.#queue.last;
    if (last) last.upTo = seq;
    else this.#cursor = seq;
  }

  /** Ends an event; again does nothing. Gives whether the cursor moved. */
  close(event: OpenEvent): boolean {
    if (event.isClosed) return false;
    event.isClosed = true;
    this.#openCount -= 1;
    if (this.#queue.first !== event) return false;
    while (this.#queue.first?.isClosed) this.#cursor = this.#queue.shift()?.upTo ?? this.#cursor;
    return true;
  }

  /** The cursor that is right once everything given is done besides what is closed; null before the first event. */
  get cursorBeyondGiven(): number | null {
    const open = this.#queue.find((event) => !event.isClosed && !event.isGiven);
    return open ? open.seq - 1 : this.#lastSeq;
  }

  #rise(seq: number): void {
    assert(this.#lastSeq === null || seq > this.#lastSeq, `seq did not rise: last=${this.#lastSeq} got=${seq}`);
    this.#lastSeq = seq;
  }
}
