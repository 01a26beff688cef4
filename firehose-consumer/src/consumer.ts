/**
 * `FirehoseConsumer`: events of one service, filtered, verified and in order, with a cursor that repeats but never skips.
 * Not for: raw frames (see `Subscription`), servers, or joining several services.
 * Place in the flow: the front door of this package; the work is done in stream.ts and behind it.
 * Guarantees: order per DID; at least once; memory bounded in bytes. Each is explained in README.md and has a test.
 * Source: ours, see firehose-consumer/README.md.
 */
import { BatchDelivery } from './batch-delivery.ts';
import type { BatchHandler } from './batch-delivery.ts';
import { FirehoseError } from './errors.ts';
import type { ConsumerEvent } from './events.ts';
import { HandlerDelivery } from './handler-delivery.ts';
import type { EventHandler } from './handler-delivery.ts';
import { IteratorDelivery } from './iterator-delivery.ts';
import type { ConsumerCounter } from './metrics.ts';
import { fullOptions } from './options.ts';
import type { ConsumerOptions, FullOptions } from './options.ts';
import { Stream } from './stream.ts';
import type { StreamMode } from './stream.ts';
import type { SubscriptionState } from './subscription.ts';

/** A look at a running consumer. */
export interface ConsumerStats {
  readonly totals: Record<ConsumerCounter, number>;
  readonly state: SubscriptionState;
  /** Whether the socket is not being read because handlers are behind. */
  readonly isPaused: boolean;
  /** The highest seq with nothing open at or below it. */
  readonly cursor: number | null;
  /** The highest seq taken in. */
  readonly lastSeq: number | null;
  readonly openEvents: number;
  readonly heldBytes: number;
}

/** Consumes one stream, once: by `run`, by `runBatches`, or as an async iterator. */
export class FirehoseConsumer implements AsyncIterable<ConsumerEvent> {
  readonly #options: FullOptions;
  #stream: Stream | null = null;
  #isClosed = false;

  /** @throws FirehoseError InvalidOption naming the first option that cannot be used */
  constructor(options: ConsumerOptions) {
    this.#options = fullOptions(options);
  }

  /**
   * Calls `handler` for each event, in order per DID and side by side over DIDs. Resolves after `close`, an aborted
   * signal included; rejects with FirehoseError HandlerFailed, CursorStore, FutureCursor or OutdatedCursor.
   */
  async run(handler: EventHandler): Promise<void> {
    const { concurrency, onHandlerError } = this.#options;
    await this.#begin({
      isOrdered: concurrency === 1,
      savesCursor: true,
      delivery: (parts) => new HandlerDelivery({ ...parts, handler, concurrency, onHandlerError }),
    }).ended;
  }

  /**
   * Calls `handler` with one batch after another in order of the stream. The cursor is the handler's to keep, in the
   * same transaction as what it makes of the events: the store is asked to load, never to save. Ends like `run`.
   */
  async runBatches(handler: BatchHandler, options: { maxEvents?: number; quietMs?: number } = {}): Promise<void> {
    const { maxEvents = 500, quietMs = 1_000 } = options;
    const stream: Stream = this.#begin({
      isOrdered: true,
      savesCursor: false,
      delivery: (parts) => new BatchDelivery({ ...parts, handler, maxEvents, quietMs, cursor: () => stream.pipeline.cursor, cursorWith: (frames) => stream.cursorWith(frames) }),
    });
    await stream.ended;
  }

  /** Gives events in order of the stream; `break` ends the consumer. Throws what `run` rejects with. */
  [Symbol.asyncIterator](): AsyncIterator<ConsumerEvent, undefined> {
    let iterator: IteratorDelivery | null = null;
    const { acknowledge } = this.#options;
    const delivered = Promise.withResolvers<IteratorDelivery | null>();
    const stream: Stream = this.#begin({
      isOrdered: true,
      savesCursor: true,
      delivery: (parts) => {
        const end = async (): Promise<void> => {
          void stream.close();
          await stream.ended;
        };
        iterator = new IteratorDelivery({ ...parts, acknowledge, end, ended: stream.ended });
        delivered.resolve(iterator);
        return iterator;
      },
    });
    stream.ended.then(
      () => delivered.resolve(iterator),
      () => delivered.resolve(iterator),
    );
    return {
      next: async () => (await delivered.promise)?.next() ?? ended(stream),
      return: async () => (await delivered.promise)?.return() ?? ended(stream),
    };
  }

  /** Stops taking in; resolves when the socket is gone. The end of `run` or of the loop tells that all is saved. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#stream?.close();
  }

  /** The highest seq with nothing open at or below it; null before the first event of a run without cursor. */
  get cursor(): number | null {
    return this.#stream?.pipeline.cursor ?? null;
  }

  /** Gives a look at counters, cursor and memory; null before the start. */
  stats(): ConsumerStats | null {
    const stream = this.#stream;
    if (!stream) return null;
    const { pipeline, subscription, budget, counters } = stream;
    return {
      totals: counters.totals(),
      state: subscription.state,
      isPaused: subscription.isPaused,
      cursor: pipeline.cursor,
      lastSeq: pipeline.lastSeq,
      openEvents: pipeline.openCount,
      heldBytes: budget.heldBytes,
    };
  }

  #begin(mode: StreamMode): Stream {
    if (this.#stream) throw new FirehoseError('InvalidOption', 'a consumer runs once; make another one');
    this.#stream = new Stream(this.#options, mode);
    if (this.#isClosed) void this.#stream.close();
    else this.#stream.start();
    return this.#stream;
  }
}

async function ended(stream: Stream): Promise<IteratorResult<ConsumerEvent, undefined>> {
  await stream.ended;
  return { done: true, value: undefined };
}
