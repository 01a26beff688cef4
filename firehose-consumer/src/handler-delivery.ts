/**
 * Delivery to a handler: in order per DID, side by side over DIDs; with a concurrency of 1 in order of the stream.
 * Not for: who pulls (see iterator-delivery.ts, batch-delivery.ts).
 * Place in the flow: the end of it, for `FirehoseConsumer.run`.
 * Rule: an event is done when the handler returned or its promise resolved; a failure is answered by `onHandlerError`.
 * Source: ours, see firehose-consumer/README.md.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { Backoff } from './backoff.ts';
import { FirehoseError } from './errors.ts';
import type { ConsumerEvent } from './events.ts';
import { Lanes } from './lanes.ts';
import type { OpenFrame } from './open-frame.ts';

/** Does something with an event; the signal aborts when the run ends. */
export type EventHandler = (event: ConsumerEvent, signal: AbortSignal) => void | Promise<void>;

/** What a delivery of any kind is given by the stream it ends. */
export interface DeliveryParts {
  /** Gives the events of a frame, each with an acknowledgement made by `newAck`. */
  eventsOf: (event: OpenFrame, newAck: () => () => void) => ConsumerEvent[];
  finish: (event: OpenFrame) => void;
  /** Ends the run with an error. */
  fail: (error: unknown) => void;
  clock: Clock;
  signal: AbortSignal;
}

/** How the handler is called. */
export interface HandlerDeliveryOptions extends DeliveryParts {
  handler: EventHandler;
  concurrency: number;
  onHandlerError?: ((error: unknown, event: ConsumerEvent, attempt: number) => 'stop' | 'skip' | 'retry') | undefined;
}

const noAck = (): void => undefined;
const newNoAck = (): (() => void) => noAck;

/** Calls the handler for each event. */
export class HandlerDelivery {
  readonly #options: HandlerDeliveryOptions;
  readonly #lanes: Lanes<OpenFrame>;

  constructor(options: HandlerDeliveryOptions) {
    this.#options = options;
    this.#lanes = new Lanes({ concurrency: options.concurrency, work: (event) => this.#work(event), onFault: options.fail });
  }

  deliver(event: OpenFrame): void {
    this.#lanes.push(this.#options.concurrency === 1 ? '' : event.frame.did, event);
  }

  /** Forgets what has not begun and waits for what has. */
  async stop(): Promise<void> {
    this.#lanes.clear();
    await this.#lanes.idle();
  }

  #work(event: OpenFrame): void | Promise<void> {
    const { eventsOf, handler, signal, finish } = this.#options;
    if (signal.aborted) return;
    const events = eventsOf(event, newNoAck);
    for (let index = 0; index < events.length; index++) {
      const result = call(handler, events[index] as ConsumerEvent, signal);
      if (result) return this.#goOn(event, events, index, result);
    }
    finish(event);
  }

  /** The rest of a frame's events, from the one whose result is a promise. */
  async #goOn(event: OpenFrame, events: ConsumerEvent[], from: number, first: Promise<void>): Promise<void> {
    const { handler, signal, finish } = this.#options;
    for (let index = from; index < events.length; index++) {
      if (index > from && signal.aborted) return;
      const each = events[index] as ConsumerEvent;
      const result = index === from ? first : call(handler, each, signal);
      if (!(await this.#isDone(each, result))) return;
    }
    finish(event);
  }

  /** Waits for a handler and answers its failures until it is done or given up; false when the event stays open. */
  async #isDone(event: ConsumerEvent, first: void | Promise<void>): Promise<boolean> {
    const { handler, signal, onHandlerError, clock, fail } = this.#options;
    const backoff = new Backoff({ minMs: 500, maxMs: 30_000 });
    let result = first;
    for (let attempt = 1; ; attempt++) {
      try {
        await result;
        return true;
      } catch (error) {
        const answer = answerTo(() => onHandlerError?.(error, event, attempt) ?? 'stop');
        if (answer === 'skip') return true;
        if (answer === 'stop') fail(new FirehoseError('HandlerFailed', `handler failed: kind=${event.kind} seq=${event.seq} did=${event.did}`, { cause: error }));
        const isGoingOn = answer === 'retry' && (await isStillOn(clock.sleep(backoff.nextMs(), signal)));
        if (!isGoingOn) return false;
        result = call(handler, event, signal);
      }
    }
  }
}

/** A handler that throws at once is one whose promise rejects. */
function call(handler: EventHandler, event: ConsumerEvent, signal: AbortSignal): void | Promise<void> {
  try {
    return handler(event, signal);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** A callback that throws itself means stop. */
function answerTo(ask: () => 'stop' | 'skip' | 'retry'): 'stop' | 'skip' | 'retry' {
  try {
    return ask();
  } catch {
    return 'stop';
  }
}

function isStillOn(wait: Promise<void>): Promise<boolean> {
  return wait.then(
    () => true,
    () => false,
  );
}
