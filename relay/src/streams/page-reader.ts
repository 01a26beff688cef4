/**
 * Pages out of the log for those who are behind: read in large slices, kept for a while, since many come back at once
 * with nearly the same cursor and then walk the same pages.
 * Not for the newest events (page-ring.ts). Bounds: bytes of kept pages, reads under way; everyone else waits in line.
 * Place in the flow: replay of every stream but the plain firehose. Source: ours.
 */
import { maxCountedEvents, fullMs, type SlotState } from './time-slots.ts';
import { Page, type TimedLog } from './page.ts';

/** Bounds of the reader. */
export interface PageReaderOptions {
  /** Memory for pages that were read, in bytes. */
  readonly cacheBytes: number;
  /** Bytes of the log in one page. */
  readonly readBytes: number;
  /** Reads of the log at the same time. */
  readonly maxReads: number;
}

/** Where a page ended, for who goes on behind it. */
export interface PageEnd {
  readonly seq: number;
  readonly slots: SlotState;
}

/** Most pages kept, however small: they are looked through one by one. */
const maxPages = 256;

/** Reads and keeps pages. */
export class PageReader {
  readonly #log: TimedLog;
  readonly #o: PageReaderOptions;
  /** Least recently used first. */
  readonly #pages = new Set<Page>();
  readonly #underWay = new Map<number, Promise<Page | null>>();
  readonly #waiting: (() => void)[] = [];
  #reads = 0;
  #generation = 0;

  constructor(log: TimedLog, o: PageReaderOptions) {
    this.#log = log;
    this.#o = o;
  }

  /** Memory held, in bytes. */
  get heldBytes(): number {
    let bytes = 0;
    for (const page of this.#pages) bytes += page.heldBytes;
    return bytes;
  }

  /** Gives a kept page that holds seq + 1, or null. */
  kept(seq: number): Page | null {
    for (const page of this.#pages) {
      if (page.firstSeq > seq + 1 || page.lastSeq <= seq) continue;
      this.#pages.delete(page);
      this.#pages.add(page);
      return page;
    }
    return null;
  }

  /** Reads the page with the first event after `seq`, null when there is none; `before` is the end of the page in front, if at hand. */
  read(seq: number, before: PageEnd | null): Promise<Page | null> {
    const known = this.#underWay.get(seq);
    if (known !== undefined) return known;
    const reading = this.#read(seq, before).finally(() => this.#underWay.delete(seq));
    this.#underWay.set(seq, reading);
    return reading;
  }

  /** Forgets all that was read: the log changed in place. Reads under way begin again. */
  forget(): void {
    this.#generation += 1;
    this.#pages.clear();
    this.#underWay.clear();
  }

  async #read(seq: number, before: PageEnd | null): Promise<Page | null> {
    await this.#takeTurn();
    try {
      for (;;) {
        const generation = this.#generation;
        const page = before?.seq === seq ? await this.#next(seq, before.slots) : await this.#begin(seq);
        // The log changed under the read: what was taken down meanwhile must not be shown.
        if (generation !== this.#generation) continue;
        if (page !== null) this.#keep(page);
        return page;
      }
    } finally {
      this.#giveTurn();
    }
  }

  async #takeTurn(): Promise<void> {
    if (this.#reads < this.#o.maxReads) this.#reads += 1;
    else await new Promise<void>((resolve) => void this.#waiting.push(resolve));
  }

  /** Hands the turn to whoever waits longest. */
  #giveTurn(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#reads -= 1;
    else next();
  }

  async #next(seq: number, start: SlotState | null): Promise<Page | null> {
    const slice = await this.#log.read(seq, this.#o.readBytes);
    return slice === null ? null : new Page(slice, start);
  }

  /** Reads without knowing what is in front: from where the ms of the first event begins, to count its slots. */
  async #begin(seq: number): Promise<Page | null> {
    const slice = await this.#log.read(seq, this.#o.readBytes);
    const ms = slice?.timesMs[0];
    if (slice === null || ms === undefined) return null;
    const inFront = await this.#log.seqAtTime(ms);
    if (inFront >= slice.firstSeq - 1) return new Page(slice, null);
    if (slice.firstSeq - inFront > maxCountedEvents) return new Page(slice, fullMs(ms));
    let page = await this.#next(inFront, null);
    while (page !== null && page.lastSeq <= seq) page = await this.#next(page.lastSeq, page.end);
    return page;
  }

  #keep(page: Page): void {
    this.#pages.add(page);
    let bytes = this.heldBytes;
    for (const oldest of this.#pages) {
      if ((bytes <= this.#o.cacheBytes && this.#pages.size <= maxPages) || oldest === page) break;
      this.#pages.delete(oldest);
      bytes -= oldest.heldBytes;
    }
  }
}
