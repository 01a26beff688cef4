/**
 * The log as pages: the newest from memory, older ones read; and a word to every feed when there are new ones.
 * Not for filters or consumers. While no feed holds it, nothing of the log is kept or looked at.
 * Place in the flow: the only reader of the log for all streams but the plain firehose.
 * Source: ours.
 */
import { PageReader, type PageEnd, type PageReaderOptions } from './page-reader.ts';
import { PageRing } from './page-ring.ts';
import type { Page, TimedLog } from './page.ts';

/** Whoever wants to hear of new events. */
export interface PageListener {
  /** The next events are in this page. */
  onPage(page: Page): void;
  /** All events up to `lastSeq` that were not told of are to be asked for with `after`. */
  onGap(lastSeq: number): void;
}

/** Bounds. */
export interface PagesOptions extends PageReaderOptions {
  /** Memory for the newest pages, in bytes. */
  readonly ringBytes: number;
}

/** Pages of one log. */
export class Pages {
  readonly #log: TimedLog;
  readonly #ring: PageRing;
  readonly #reader: PageReader;
  readonly #listeners = new Set<PageListener>();
  readonly #unsubscribe: () => void;
  #changes = 0;

  constructor(log: TimedLog, o: PagesOptions) {
    this.#log = log;
    this.#ring = new PageRing(o.ringBytes, log.headSeq());
    this.#reader = new PageReader(log, o);
    this.#unsubscribe = log.onAppend((slice) => {
      if (this.#listeners.size === 0) return this.#ring.skip(slice);
      const page = this.#ring.append(slice);
      for (const listener of this.#listeners) {
        if (page === null) listener.onGap(slice.lastSeq);
        else listener.onPage(page);
      }
    });
  }

  /** Seq of the newest event. */
  get lastSeq(): number {
    return this.#ring.lastSeq;
  }

  /** Seq of the oldest event that is still to be had. */
  get oldestSeq(): number {
    return this.#log.oldestSeq();
  }

  /** How often the log changed in place: what was read under another number may hold what was taken down since. */
  get changes(): number {
    return this.#changes;
  }

  /** Memory held, in bytes. */
  get heldBytes(): number {
    return this.#ring.heldBytes + this.#reader.heldBytes;
  }

  /** Tells a listener of everything after `lastSeq`, from now until the function it gives is called. */
  hold(listener: PageListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#ring.forget();
      this.#reader.forget();
    };
  }

  /** Gives the page with the first event after `seq`, null when there is none; `before` is the end of the page in front, if at hand. */
  after(seq: number, before: PageEnd | null): Page | null | Promise<Page | null> {
    if (seq >= this.#ring.lastSeq) return null;
    return this.#ring.after(seq) ?? this.#reader.kept(seq) ?? this.#reader.read(seq, before);
  }

  /** Forgets everything held, for when the log changed some of it in place (a takedown). */
  forget(): void {
    this.#changes += 1;
    this.#ring.forget();
    this.#reader.forget();
    for (const listener of this.#listeners) listener.onGap(this.#ring.lastSeq);
  }

  /** Hears no more of the log. */
  close(): void {
    this.#unsubscribe();
    this.#listeners.clear();
    this.#ring.forget();
    this.#reader.forget();
  }
}
