/**
 * Delivery to an async iterator, in order of the stream; events are decoded when they are asked for.
 * Not for: handlers (see handler-delivery.ts).
 * Place in the flow: the end of it, for `for await (const event of consumer)`.
 * Rules: `manual`: an event is open until its `ack`; those not acknowledged count against the memory bound, so who never
 * acknowledges comes to a stop there. `auto`: asking for the next event ends the one before.
 * Source: ours, see firehose-consumer/README.md.
 */
import type { ConsumerEvent } from './events.ts';
import type { DeliveryParts } from './handler-delivery.ts';
import type { OpenFrame } from './open-frame.ts';
import { Queue } from './queue.ts';

/** How events are given and how the stream behind them is ended. */
export interface IteratorDeliveryOptions extends DeliveryParts {
  acknowledge: 'manual' | 'auto';
  /** Ends the stream; resolves, or rejects with what ended it, when all is settled. */
  end: () => Promise<void>;
  /** The same without ending anything: for who asks after the end. */
  ended: Promise<void>;
}

/** Gives events one by one; `next` may be called again before it has answered. */
export class IteratorDelivery implements AsyncIterator<ConsumerEvent, undefined> {
  readonly #options: IteratorDeliveryOptions;
  readonly #ready = new Queue<OpenFrame>();
  readonly #events = new Queue<ConsumerEvent>();
  readonly #asking = new Queue<(result: IteratorResult<ConsumerEvent, undefined> | Promise<IteratorResult<ConsumerEvent, undefined>>) => void>();
  #given: ConsumerEvent | null = null;

  constructor(options: IteratorDeliveryOptions) {
    this.#options = options;
  }

  deliver(event: OpenFrame): void {
    this.#ready.push(event);
    while (this.#asking.size > 0) {
      const next = this.#take();
      if (!next) return;
      this.#asking.shift()?.({ done: false, value: next });
    }
  }

  /** Forgets what was not given and answers who is asking. */
  async stop(): Promise<void> {
    this.#ready.clear();
    this.#events.clear();
    for (let ask = this.#asking.shift(); ask; ask = this.#asking.shift()) ask(this.#last());
  }

  next(): Promise<IteratorResult<ConsumerEvent, undefined>> {
    if (this.#options.acknowledge === 'auto') this.#given?.ack();
    this.#given = null;
    if (this.#options.signal.aborted) return this.#last();
    const value = this.#take();
    return value ? Promise.resolve({ done: false, value }) : new Promise((resolve) => this.#asking.push(resolve));
  }

  /** Called by `break` and `return` inside `for await`. The event in hand is done only if it was acknowledged. */
  async return(): Promise<IteratorResult<ConsumerEvent, undefined>> {
    await this.#options.end();
    return { done: true, value: undefined };
  }

  async #last(): Promise<IteratorResult<ConsumerEvent, undefined>> {
    await this.#options.ended;
    return { done: true, value: undefined };
  }

  #take(): ConsumerEvent | null {
    while (this.#events.size === 0) {
      const frame = this.#ready.shift();
      if (!frame) return null;
      this.#open(frame);
    }
    this.#given = this.#events.shift() ?? null;
    return this.#given;
  }

  /** Decodes a frame; it is finished when each of its events is acknowledged. */
  #open(frame: OpenFrame): void {
    let open = 0;
    const newAck = (): (() => void) => {
      let isOpen = true;
      return () => {
        if (isOpen && --open === 0) this.#options.finish(frame);
        isOpen = false;
      };
    };
    const events = this.#options.eventsOf(frame, newAck);
    open = events.length;
    if (open === 0) this.#options.finish(frame);
    for (const event of events) this.#events.push(event);
  }
}
