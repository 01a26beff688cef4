/**
 * The newest pages, as the log told of them, within a bound of bytes; shared by everyone who is near the head.
 * Not the log: what is not here any more is read there (page-reader.ts). While nobody streams it holds nothing.
 * A page is taken only if the time slots in front of it are known: behind a page that is here, or where a ms begins.
 * Place in the flow: between the log and the feeds. Source: ours.
 */
import { Page, type TimedSlice } from './page.ts';

/** Pages without a gap up to the newest event, or none. */
export class PageRing {
  readonly #maxBytes: number;
  readonly #pages: Page[] = [];
  #bytes = 0;
  #lastSeq: number;
  /** Time of the newest event; before the first is seen, none is known to be later. */
  #lastMs = Infinity;

  /** Begins empty behind `lastSeq`. */
  constructor(maxBytes: number, lastSeq: number) {
    this.#maxBytes = maxBytes;
    this.#lastSeq = lastSeq;
  }

  /** Seq of the newest event the log told of, held or not. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Memory held, in bytes. */
  get heldBytes(): number {
    return this.#bytes;
  }

  /** Takes the next slice and gives its page; null when some of its events must be read from the log instead. */
  append(slice: TimedSlice): Page | null {
    const before = this.#pages.at(-1);
    const lastMs = this.#lastMs;
    const firstMs = slice.timesMs[0] ?? 0;
    this.#lastSeq = slice.lastSeq;
    this.#lastMs = slice.timesMs.at(-1) ?? lastMs;
    if (firstMs > lastMs || before !== undefined) return this.#add(new Page(slice, firstMs > lastMs ? null : before?.end ?? null));
    const border = slice.timesMs.findIndex((ms, index) => index > 0 && ms > (slice.timesMs[index - 1] ?? 0));
    if (border > 0) this.#add(new Page(slice, null, slice.firstSeq + border));
    return null;
  }

  /** Notes a slice that nobody wants. */
  skip(slice: TimedSlice): void {
    this.forget();
    this.#lastSeq = slice.lastSeq;
    this.#lastMs = slice.timesMs.at(-1) ?? this.#lastMs;
  }

  /** Gives the page with the first event after `seq`; null when it is not here (any more) or there is none. */
  after(seq: number): Page | null {
    let low = 0;
    let high = this.#pages.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#pages[middle]!.lastSeq > seq) high = middle;
      else low = middle + 1;
    }
    const page = this.#pages[low];
    // Behind an earlier page nothing is missing, whatever the numbers; in front of the first anything may be.
    return page === undefined || (low === 0 && page.firstSeq > seq + 1) ? null : page;
  }

  /** Forgets all pages: the log changed some of their events in place, or nobody streams any more. */
  forget(): void {
    for (const page of this.#pages) page.onGrow = null;
    this.#pages.length = 0;
    this.#bytes = 0;
  }

  #add(page: Page): Page {
    this.#pages.push(page);
    this.#bytes += page.heldBytes;
    page.onGrow = (bytes) => {
      this.#bytes += bytes;
    };
    while (this.#bytes > this.#maxBytes && this.#pages.length > 1) this.#dropOldest();
    return page;
  }

  #dropOldest(): void {
    const oldest = this.#pages.shift();
    if (oldest === undefined) return;
    oldest.onGrow = null;
    this.#bytes -= oldest.heldBytes;
  }
}
