/**
 * The live half of a feed: gathers new pages, judges them once, and hands what a channel wants to all who are live in it.
 * One flush at a time; consumers it has something for are due until they are served. Not for those who are behind (catch-up.ts).
 * Place in the flow: inside a feed (feed.ts), which does the sending. Source: ours.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { ChannelTable } from './channel.ts';
import type { Encoding, Unit } from './encoding.ts';
import type { FeedConsumer } from './feed-consumer.ts';
import { collectDeliveries, unitsOf, type Delivery, type Flush } from './flush.ts';
import { Pacer } from './pacer.ts';
import type { Page } from './page.ts';

/** What a flusher needs of its feed. */
export interface FlusherParts<U extends Unit> {
  readonly encoding: Encoding<U>;
  readonly table: ChannelTable<FeedConsumer>;
  readonly clock: Clock;
  /** Longest time pages are gathered under load, in ms. */
  readonly flushMs: number;
  /** Called when there is something to do: beginFlush or deliver. */
  readonly onWork: () => void;
  /** Gives a due consumer what is for it; everything up to lastSeq is handled with it. */
  readonly serve: (consumer: FeedConsumer, delivery: Delivery<U>, lastSeq: number) => void;
  /** A flush is over, well or not. */
  readonly onEnd: () => void;
  readonly onFailed: (consumer: FeedConsumer, error: unknown) => void;
}

/** Consumers served in one go. */
const consumersPerDelivery = 16;

/** Log bytes looked through in one flush. */
const flushBytes = 262_144;

/** New pages on their way to live consumers. */
export class Flusher<U extends Unit> {
  readonly #o: FlusherParts<U>;
  readonly #pacer: Pacer;
  /** Pages that no flush has looked at. */
  #pending: Page[] = [];
  #flush: Flush<U> | null = null;
  #flushedSeq = 0;

  constructor(o: FlusherParts<U>) {
    this.#o = o;
    this.#pacer = new Pacer(o.clock, o.flushMs, o.onWork);
  }

  /** Live consumers have everything up to here, or are due to get it. */
  get flushedSeq(): number {
    return this.#flushedSeq;
  }

  /** True when there is something to do right now. */
  get hasWork(): boolean {
    return this.#flush === null ? this.#pacer.isDue : this.#flush.isReady;
  }

  /** Takes a page that follows. */
  add(page: Page): void {
    this.#pending.push(page);
    this.#pacer.gather(page.heldBytes);
  }

  /** Forgets pages and flush; `seq` is where live consumers stand from now on. */
  reset(seq: number): void {
    this.#pending = [];
    this.#flush = null;
    this.#pacer.reset();
    this.#flushedSeq = seq;
  }

  /** Serves some consumers, beginning a flush when one is due; gives whether there is more to do right now. */
  work(): boolean {
    if (this.#flush === null && this.#pacer.isDue) this.#begin();
    const flush = this.#flush;
    if (flush === null || !flush.isReady) return false;
    for (let served = 0; served < consumersPerDelivery; ) {
      const delivery = flush.deliveries.at(-1);
      if (delivery === undefined) {
        this.#end(flush);
        break;
      }
      const consumer = delivery.consumers.pop();
      if (consumer === undefined) flush.deliveries.pop();
      else if (consumer.state === 'due' && consumer.channel === delivery.channel) {
        served += 1;
        this.#o.serve(consumer, delivery, flush.lastSeq);
      }
    }
    return this.hasWork;
  }

  #begin(): void {
    const { encoding, table, clock } = this.#o;
    const startedMs = clock.elapsedMs();
    const pages = this.#takePages();
    const deliveries = collectDeliveries(pages, encoding, table, this.#flushedSeq);
    this.#flushedSeq = pages.at(-1)?.lastSeq ?? this.#flushedSeq;
    const flush = { lastSeq: this.#flushedSeq, startedMs, deliveries, isReady: true };
    this.#flush = flush;
    const preparing = encoding.prepare(unitsOf(deliveries));
    if (preparing === null) return;
    flush.isReady = false;
    preparing.then(() => {
      flush.isReady = true;
      this.#o.onWork();
    }, (error: unknown) => {
      if (this.#flush !== flush) return;
      for (const { consumers } of deliveries) for (const consumer of consumers) this.#o.onFailed(consumer, error);
      this.#end(flush);
    });
  }

  #takePages(): Page[] {
    let count = 0;
    for (let bytes = 0; bytes < flushBytes && count < this.#pending.length; count++) bytes += this.#pending[count]?.heldBytes ?? 0;
    const pages = this.#pending.slice(0, count);
    this.#pending = this.#pending.slice(count);
    this.#pacer.flushing(this.#pending.reduce((sum, page) => sum + page.heldBytes, 0));
    return pages;
  }

  #end(flush: Flush<U>): void {
    if (this.#flush !== flush) return;
    this.#flush = null;
    this.#pacer.flushed(this.#o.clock.elapsedMs() - flush.startedMs);
    this.#o.onEnd();
    if (this.#pacer.isDue) this.#o.onWork();
  }
}
