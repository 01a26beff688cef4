/**
 * The other half of a feed: consumers that are behind pull, each a page at a time and in turn, until they are where the feed is.
 * Not for live consumers (flusher.ts). What a consumer costs while it is behind is one run of bytes in its sink.
 * Place in the flow: inside a feed (feed.ts), which does the sending. Source: ours.
 */
import type { Encoding, Unit } from './encoding.ts';
import type { FeedConsumer } from './feed-consumer.ts';
import type { Page } from './page.ts';
import type { Pages } from './pages.ts';
import type { ReplayShare } from './replay-share.ts';
import { takeRun } from './run.ts';
import type { CutReason } from './sink.ts';

/** What catching up needs of its feed. */
export interface CatchUpParts<U extends Unit> {
  readonly encoding: Encoding<U>;
  readonly pages: Pages;
  /** Time for all who are behind, in this feed and others. */
  readonly share: ReplayShare;
  /** Most bytes of one run, and one event more. */
  readonly runBytes: number;
  /** Where live consumers stand. */
  readonly flushedSeq: () => number;
  readonly onWork: () => void;
  readonly goLive: (consumer: FeedConsumer) => void;
  readonly send: (consumer: FeedConsumer, bytes: Buffer, lastSeq: number, count: number) => void;
  readonly cut: (consumer: FeedConsumer, reason: CutReason) => void;
  readonly onFailed: (consumer: FeedConsumer, error: unknown) => void;
}

/** Runs that may wait for their encoding at the same time. */
const maxPreparing = 8;

/** Consumers that are behind, in the order of their turns. */
export class CatchUp<U extends Unit> {
  readonly #o: CatchUpParts<U>;
  /** Consumers whose turn has come, from `#next` on. */
  #queue: FeedConsumer[] = [];
  #next = 0;
  /** Those in front of the feed: they wait for it. */
  #ahead: FeedConsumer[] = [];
  #preparing = 0;

  constructor(o: CatchUpParts<U>) {
    this.#o = o;
  }

  /** True when somebody's turn has come and there is time for it. */
  get hasWork(): boolean {
    return this.#queue.length > 0 && this.#preparing < maxPreparing && this.#o.share.hasTime(this.#o.onWork);
  }

  /** Puts a consumer in line. */
  enqueue(consumer: FeedConsumer): void {
    consumer.state = 'queued';
    this.#queue.push(consumer);
    this.#o.onWork();
  }

  /** Puts those in line for whom the feed may have come far enough. */
  wakeAhead(): void {
    for (const consumer of this.#ahead.splice(0)) if (consumer.state === 'ahead') this.enqueue(consumer);
  }

  /** Forgets everyone. */
  reset(): void {
    this.#queue = [];
    this.#next = 0;
    this.#ahead = [];
  }

  /** Moves the next consumer on; gives whether there is more to do. */
  work(): boolean {
    const consumer = this.hasWork ? this.#queue[this.#next] : undefined;
    if (consumer === undefined) return false;
    this.#next += 1;
    if (this.#next === this.#queue.length) {
      this.#queue = [];
      this.#next = 0;
    }
    if (consumer.state === 'queued') this.#o.share.spend(() => this.#step(consumer));
    return this.hasWork;
  }

  #step(consumer: FeedConsumer): void {
    const { pages, flushedSeq, goLive, cut, onFailed } = this.#o;
    if (consumer.seq === flushedSeq()) return goLive(consumer);
    if (consumer.seq > flushedSeq()) {
      consumer.state = 'ahead';
      this.#ahead.push(consumer);
      return;
    }
    if (consumer.seq + 1 < pages.oldestSeq) return cut(consumer, 'window');
    consumer.state = 'reading';
    const page = pages.after(consumer.seq, consumer.end);
    if (page instanceof Promise) page.then((read) => this.#o.share.spend(() => this.#walk(consumer, read))).catch((error: unknown) => onFailed(consumer, error));
    else this.#walk(consumer, page);
  }

  #walk(consumer: FeedConsumer, page: Page | null): void {
    if (consumer.state !== 'reading') return;
    const { encoding, pages, runBytes, flushedSeq, send, onWork, onFailed } = this.#o;
    if (page === null) {
      // Nothing is there: either it went out of the window meanwhile, which the next step sees, or this is the head.
      if (consumer.seq + 1 >= pages.oldestSeq) consumer.seq = Math.max(consumer.seq, flushedSeq());
      return this.enqueue(consumer);
    }
    const { channel } = consumer;
    const { units, lastSeq } = takeRun(page, consumer.seq, channel.filter, encoding, { lastSeq: flushedSeq(), bytes: runBytes, units: consumer.limit ?? Infinity });
    consumer.end = lastSeq === page.lastSeq ? { seq: lastSeq, slots: page.end } : null;
    if (units.length === 0) {
      consumer.seq = lastSeq;
      return this.enqueue(consumer);
    }
    const { changes } = pages;
    const finish = (): void => {
      if (consumer.state !== 'reading') return;
      // Another filter, or a takedown while the encoding took its time: the run is made anew.
      if (consumer.channel === channel && pages.changes === changes) send(consumer, encoding.join(units), lastSeq, units.length);
      else this.enqueue(consumer);
    };
    const preparing = encoding.prepare(units);
    if (preparing === null) return finish();
    this.#preparing += 1;
    void preparing.then(finish).catch((error: unknown) => onFailed(consumer, error)).finally(() => {
      this.#preparing -= 1;
      onWork();
    });
  }
}
