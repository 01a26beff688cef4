/**
 * Delivery in batches with the cursor that belongs to them, for who keeps rows and cursor in one transaction.
 * Not for: side-by-side work; one batch is under way at a time, in order of the stream.
 * Place in the flow: the end of it, for `FirehoseConsumer.runBatches`.
 * Rules: a batch holds all that is ready, never waits to fill, and does not split a commit (so it may hold a few events
 * more than asked); when nothing is wanted for a while an empty batch brings the cursor forward.
 * Source: ours, see firehose-consumer/README.md.
 */
import type { Timer } from '@dunlin/protocol/base/clock';
import { FirehoseError } from './errors.ts';
import type { ConsumerEvent, EventBatch } from './events.ts';
import type { DeliveryParts } from './handler-delivery.ts';
import type { OpenFrame } from './open-frame.ts';
import { Queue } from './queue.ts';

/** Makes a batch durable; the batch is done when the handler returned or its promise resolved. */
export type BatchHandler = (batch: EventBatch, signal: AbortSignal) => void | Promise<void>;

/** How batches are made. */
export interface BatchDeliveryOptions extends DeliveryParts {
  handler: BatchHandler;
  maxEvents: number;
  /** The cursor as it stands now. */
  cursor: () => number | null;
  /** The cursor that is right once these are done. */
  cursorWith: (frames: readonly OpenFrame[]) => number | null;
  /** How long nothing may be wanted before an empty batch is given, when the cursor moved. */
  quietMs: number;
}

const noAck = (): void => undefined;

/** Calls the handler with one batch after another. */
export class BatchDelivery {
  readonly #options: BatchDeliveryOptions;
  readonly #ready = new Queue<OpenFrame>();
  readonly #timer: Timer;
  #running: Promise<void> | null = null;
  #givenCursor: number | null;

  constructor(options: BatchDeliveryOptions) {
    this.#options = options;
    this.#givenCursor = options.cursor();
    this.#timer = options.clock.every(options.quietMs, () => this.#quiet());
  }

  deliver(event: OpenFrame): void {
    this.#ready.push(event);
    this.#start(() => this.#drain());
  }

  /** Forgets what has not begun and waits for what has. */
  async stop(): Promise<void> {
    this.#timer.cancel();
    this.#ready.clear();
    await this.#running;
  }

  #start(work: () => Promise<void>): void {
    if (this.#running) return;
    this.#running = work()
      .catch((error: unknown) => this.#options.fail(new FirehoseError('HandlerFailed', 'batch handler failed', { cause: error })))
      .then(() => {
        this.#running = null;
        if (this.#ready.size > 0 && !this.#options.signal.aborted) this.#start(() => this.#drain());
      });
  }

  async #drain(): Promise<void> {
    // All that one read of the socket brings is delivered before this goes on, and so comes in one batch.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#ready.size > 0 && !this.#options.signal.aborted) {
      const { frames, events } = this.#fill();
      const cursor = this.#options.cursorWith(frames);
      if (events.length > 0) await this.#give({ events, cursor });
      for (const frame of frames) this.#options.finish(frame);
    }
  }

  #fill(): { frames: OpenFrame[]; events: ConsumerEvent[] } {
    const frames: OpenFrame[] = [];
    const events: ConsumerEvent[] = [];
    while (events.length < this.#options.maxEvents) {
      const frame = this.#ready.shift();
      if (!frame) break;
      frames.push(frame);
      events.push(...this.#options.eventsOf(frame, () => noAck));
    }
    return { frames, events };
  }

  async #give(batch: EventBatch): Promise<void> {
    await this.#options.handler(batch, this.#options.signal);
    this.#givenCursor = batch.cursor;
  }

  #quiet(): void {
    const cursor = this.#options.cursor();
    if (this.#ready.size > 0 || cursor === null || cursor === this.#givenCursor) return;
    this.#start(() => this.#give({ events: [], cursor }));
  }
}
