/**
 * Sends everyone who wants events in one form what they asked for, out of the pages of the log.
 * Live consumers get what a flush found for their channel: one look at an event for all, the same bytes to every socket.
 * Whoever does not keep up is behind from then on and pulls, run by run, until it is live again; nothing is queued for anybody.
 * Invariants 3, 4, 5 and 10 rest here: every consumer gets exactly the wanted events with seq > its cursor, in order, none twice;
 * a slow one costs only itself and is cut when it takes nothing for stallMs or its place falls out of the window.
 * Place in the flow: hop 8 for JSON, server-sent events, polls and filtered frames. Source: ours.
 */
import { AssertionFailure } from '@dunlin/protocol/base/assert';
import type { Clock, Timer } from '@dunlin/protocol/base/clock';
import type { Logger } from '@dunlin/service/log/logger';
import { CatchUp } from './catch-up.ts';
import { ChannelTable } from './channel.ts';
import type { Encoding, Unit } from './encoding.ts';
import { FeedConsumer } from './feed-consumer.ts';
import type { FeedMetrics } from './feed-metrics.ts';
import type { Filter } from './filter.ts';
import { Flusher } from './flusher.ts';
import type { Page } from './page.ts';
import type { PageListener, Pages } from './pages.ts';
import type { ReplayShare } from './replay-share.ts';
import type { CutReason, Sink } from './sink.ts';

/** Bounds and parts. */
export interface FeedOptions {
  readonly pages: Pages;
  /** Time for those who are behind, shared by all feeds. */
  readonly share: ReplayShare;
  readonly metrics: FeedMetrics;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Longest time events are gathered under load, in ms. */
  readonly flushMs: number;
  /** Most bytes handed to one consumer at a time, and one event more. */
  readonly runBytes: number;
  /** A consumer that takes nothing for so long, in ms, is cut. */
  readonly stallMs: number;
  /** Told when the log finds itself damaged. */
  readonly onAssertionFailure: (failure: AssertionFailure) => void;
}

/** Where a consumer begins. */
export interface Attachment {
  readonly filter: Filter;
  /** Everything with seq above it is sent. */
  readonly afterSeq: number;
  /** Most units of one run; for those who take a run and leave. */
  readonly limit?: number;
}

/** Longest stretch of work before the rest of the process gets its turn, in ms. */
const turnMs = 4;

/** All consumers of one form of the events. */
export class Feed<U extends Unit> implements PageListener {
  readonly #o: FeedOptions;
  readonly #table = new ChannelTable<FeedConsumer>();
  readonly #consumers = new Set<FeedConsumer>();
  readonly #flusher: Flusher<U>;
  readonly #catchUp: CatchUp<U>;
  readonly #stallTimer: Timer;
  #release: (() => void) | null = null;
  #isTurnScheduled = false;

  constructor(encoding: Encoding<U>, o: FeedOptions) {
    this.#o = o;
    const onWork = (): void => this.#scheduleTurn();
    const onFailed = (consumer: FeedConsumer, error: unknown): void => this.#fail(consumer, error);
    this.#catchUp = new CatchUp<U>({
      encoding, pages: o.pages, share: o.share, runBytes: o.runBytes, onWork, onFailed,
      flushedSeq: () => this.#flusher.flushedSeq,
      goLive: (consumer) => this.#goLive(consumer),
      send: (...args) => this.#send(...args),
      cut: (consumer, reason) => this.#cut(consumer, reason),
    });
    this.#flusher = new Flusher<U>({
      encoding, table: this.#table, clock: o.clock, flushMs: o.flushMs, onWork, onFailed,
      onEnd: () => this.#catchUp.wakeAhead(),
      serve: (consumer, delivery, lastSeq) => {
        if (consumer.limit !== null) this.#catchUp.enqueue(consumer);
        else this.#send(consumer, (delivery.bytes ??= encoding.join(delivery.units)), lastSeq, delivery.units.length);
      },
    });
    this.#stallTimer = o.clock.every(Math.max(1, o.stallMs / 4), () => this.#cutStalled(), { unref: true });
  }

  /** Memory that filters take, in bytes, roughly. */
  get filterBytes(): number {
    return this.#table.costBytes;
  }

  /** The consumers of now. */
  get consumers(): ReadonlySet<FeedConsumer> {
    return this.#consumers;
  }

  /** Seq up to which a consumer has everything it wants. */
  positionOf(consumer: FeedConsumer): number {
    return consumer.state === 'live' ? this.#flusher.flushedSeq : consumer.seq;
  }

  /** Sends a sink what it wants for as long as it is open. */
  attach(sink: Sink, { filter, afterSeq, limit }: Attachment): FeedConsumer {
    if (this.#release === null) {
      this.#release = this.#o.pages.hold(this);
      this.#flusher.reset(this.#o.pages.lastSeq);
    }
    const consumer = new FeedConsumer(sink, this.#table.join(filter), afterSeq, limit ?? null, this.#o.clock.nowMs());
    this.#consumers.add(consumer);
    sink.onDrain(() => {
      if (consumer.state === 'blocked') this.#catchUp.enqueue(consumer);
    });
    this.#catchUp.enqueue(consumer);
    sink.onClose(() => this.detach(consumer));
    return consumer;
  }

  /** Lets a consumer go; its sink is left as it is. */
  detach(consumer: FeedConsumer): void {
    if (consumer.state === 'gone') return;
    this.#leaveLive(consumer);
    consumer.state = 'gone';
    this.#table.leave(consumer.channel);
    this.#consumers.delete(consumer);
    if (this.#consumers.size > 0) return;
    this.#release?.();
    this.#release = null;
    this.#flusher.reset(0);
    this.#catchUp.reset();
  }

  /** Gives a consumer another filter for everything behind its position. */
  setFilter(consumer: FeedConsumer, filter: Filter): void {
    if (consumer.state === 'gone') return;
    const isToMove = consumer.state === 'live' || consumer.state === 'due';
    this.#leaveLive(consumer);
    const before = consumer.channel;
    consumer.channel = this.#table.join(filter);
    this.#table.leave(before);
    if (isToMove) this.#catchUp.enqueue(consumer);
  }

  /** Hears of new events. */
  onPage(page: Page): void {
    this.#flusher.add(page);
  }

  /** Hears that all up to `lastSeq` is to be asked for: who was live asks from where it stands. */
  onGap(lastSeq: number): void {
    for (const consumer of this.#consumers) {
      if (consumer.state !== 'live' && consumer.state !== 'due') continue;
      this.#leaveLive(consumer);
      this.#catchUp.enqueue(consumer);
    }
    this.#flusher.reset(lastSeq);
    this.#catchUp.wakeAhead();
  }

  /** Cuts everyone. */
  close(): void {
    this.#stallTimer.cancel();
    for (const consumer of this.#consumers) this.#cut(consumer, 'closing');
  }

  #leaveLive(consumer: FeedConsumer): void {
    if (consumer.state !== 'live') return;
    consumer.channel.live.delete(consumer);
    consumer.seq = this.#flusher.flushedSeq;
  }

  #goLive(consumer: FeedConsumer): void {
    consumer.state = 'live';
    consumer.end = null;
    consumer.channel.live.add(consumer);
    consumer.sink.onLive?.(this.#flusher.flushedSeq);
  }

  #scheduleTurn(): void {
    if (this.#isTurnScheduled) return;
    this.#isTurnScheduled = true;
    setImmediate(() => this.#takeTurn());
  }

  /** Serves the live and those behind by turns, for at most turnMs; the rest has the next turn. */
  #takeTurn(): void {
    this.#isTurnScheduled = false;
    const startMs = this.#o.clock.elapsedMs();
    for (let isMore = true; isMore && this.#o.clock.elapsedMs() - startMs < turnMs; ) {
      isMore = this.#flusher.work();
      isMore = this.#catchUp.work() || isMore;
    }
    if (this.#flusher.hasWork || this.#catchUp.hasWork) this.#scheduleTurn();
  }

  #send(consumer: FeedConsumer, bytes: Buffer, lastSeq: number, count: number): void {
    const { metrics, clock } = this.#o;
    consumer.seq = lastSeq;
    consumer.sentEvents += count;
    consumer.sentBytes += bytes.length;
    metrics.sentEvents.inc(count);
    metrics.sentBytes.inc(bytes.length);
    const canTakeMore = consumer.sink.send(bytes, lastSeq);
    if (consumer.state === 'gone') return;
    if (!canTakeMore) consumer.block(clock.elapsedMs());
    else if (lastSeq === this.#flusher.flushedSeq) this.#goLive(consumer);
    else this.#catchUp.enqueue(consumer);
  }

  #cutStalled(): void {
    const nowMs = this.#o.clock.elapsedMs();
    for (const consumer of this.#consumers) if (consumer.isStalled(nowMs, this.#o.stallMs)) this.#cut(consumer, 'stalled');
  }

  #fail(consumer: FeedConsumer, error: unknown): void {
    if (consumer.state === 'gone') return;
    this.#o.logger.error({ err: error, seq: consumer.seq }, 'streaming failed');
    this.#cut(consumer, 'failed');
    if (error instanceof AssertionFailure) this.#o.onAssertionFailure(error);
  }

  #cut(consumer: FeedConsumer, reason: CutReason): void {
    if (consumer.state === 'gone') return;
    this.#o.metrics.cut(reason);
    this.detach(consumer);
    consumer.sink.cut(reason);
  }
}
