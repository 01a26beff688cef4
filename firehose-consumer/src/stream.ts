/**
 * One run of a consumer: subscription, pipeline, cursor and delivery put together, from the first dial to the last save.
 * Not for: any of their work.
 * Place in the flow: made by `FirehoseConsumer` for its one run.
 * Rules for the server's words: FutureCursor → `onFutureCursor`; OutdatedCursor → `onOutdatedCursor`; ConsumerTooSlow →
 * reconnect and go on after the last event taken in; any other error frame → reported, reconnect.
 * Source: AT Protocol specification, "Event Stream"; ours, see firehose-consumer/README.md.
 */
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { Budget } from './budget.ts';
import { CursorSaver } from './cursor-saver.ts';
import { eventsOf } from './decode.ts';
import type { EventMaking } from './decode.ts';
import { FirehoseError } from './errors.ts';
import { Following } from './following.ts';
import type { DeliveryParts } from './handler-delivery.ts';
import { Counters } from './metrics.ts';
import type { Drop, Notice } from './notice.ts';
import { resolverOf } from './options.ts';
import type { FullOptions } from './options.ts';
import { Pipeline } from './pipeline.ts';
import type { OpenFrame } from './open-frame.ts';
import type { SubscriptionFault } from './subscription-fault.ts';
import { Subscription } from './subscription.ts';
import { Verifier } from './verify.ts';

/** Where a stream ends: what gets its events. */
export interface Delivery {
  deliver(event: OpenFrame): void;
  /** Forgets what has not begun and waits for what has. */
  stop(): Promise<void>;
}

/** What differs between the ways of consuming. */
export interface StreamMode {
  isOrdered: boolean;
  savesCursor: boolean;
  /** Makes the delivery once the cursor is known. */
  delivery: (parts: DeliveryParts) => Delivery;
}

/** The largest frame that is read; larger than the protocol allows, so that one beyond its limit is dropped and not the connection. */
const readableFrameBytes = 8_000_000;

/** One run; `ended` settles when it is over and the cursor is saved. */
export class Stream {
  readonly counters: Counters;
  /** Resolves after `close`, rejects with what ended the run. */
  readonly ended: Promise<void>;
  readonly pipeline: Pipeline;
  readonly budget: Budget;
  readonly subscription: Subscription;
  readonly #options: FullOptions;
  readonly #mode: StreamMode;
  readonly #stop = new AbortController();
  #delivery: Delivery | null = null;
  readonly #following: Following | null;
  #saver: CursorSaver | null = null;
  #fault: Error | null = null;
  #started: Promise<void> | null = null;
  #nextWaitingNoticeMs = -Infinity;
  readonly #settle: { resolve: () => void; reject: (error: unknown) => void };

  constructor(options: FullOptions, mode: StreamMode) {
    this.#options = options;
    this.#mode = mode;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#settle = { resolve, reject };
    // Whoever waits for `ended` hears of it; nobody has to.
    promise.catch(() => undefined);
    this.counters = new Counters(options.metrics);
    this.subscription = this.#newSubscription();
    this.budget = new Budget({
      maxBytes: options.maxBufferedBytes,
      onFull: () => this.subscription.pause(),
      // Later, so that whoever finishes an event does not find itself taking in the next ones.
      onFree: () => setImmediate(() => this.#guard(() => this.subscription.resume())),
    });
    // One memory of who is who, so that what makes it forget goes for all.
    const identity = resolverOf(options);
    this.#following = options.following ? this.#newFollowing(identity) : null;
    this.pipeline = this.#newPipeline(identity);
  }

  /** Gives the cursor that is right once these are done. */
  cursorWith(events: readonly OpenFrame[]): number | null {
    return this.#following ? this.pipeline.cursorWith(events) : (events.at(-1) as OpenFrame).open.upTo;
  }

  /** Loads the cursor and dials. */
  start(): void {
    if (this.#options.signal?.aborted) return void this.close();
    this.#options.signal?.addEventListener('abort', () => void this.close(), { once: true, signal: this.#stop.signal });
    this.#started = this.#load().catch((error: unknown) => this.fail(error));
  }

  /** Stops taking in; resolves when the socket is gone. What follows is told by `ended`. */
  async close(): Promise<void> {
    const isFirst = !this.#stop.signal.aborted;
    this.#stop.abort();
    const closed = this.subscription.close();
    if (isFirst) void this.#finish(closed).then(this.#settle.resolve, this.#settle.reject);
    await closed;
  }

  /** Ends the run with an error; the first one counts. */
  fail(error: unknown): void {
    this.#fault ??= error instanceof Error ? error : new Error(String(error));
    void this.close();
  }

  async #load(): Promise<void> {
    const { cursorStore, cursor, clock, saveIntervalMs } = this.#options;
    const stored = (await cursorStore?.load().catch(asStoreError)) ?? null;
    await this.#following?.begin();
    if (this.#stop.signal.aborted) return;
    this.pipeline.restart(stored ?? cursor);
    this.#delivery = this.#mode.delivery(this.#parts());
    if (cursorStore && this.#mode.savesCursor) {
      this.#saver = new CursorSaver(stored, {
        store: cursorStore,
        clock,
        intervalMs: saveIntervalMs,
        cursor: () => this.pipeline.cursor,
        onSaved: () => this.counters.add('saves'),
        onFailed: (error) => this.#notify({ kind: 'saveFailed', error }),
      });
    }
    this.subscription.start();
  }

  /** The end, in reverse: fetches, delivery, ledger, then the cursor. */
  async #finish(closed: Promise<void>): Promise<void> {
    await closed;
    await this.#started;
    await this.#following?.stop();
    await this.#delivery?.stop();
    await this.#following?.flush();
    const saved = this.#saver?.finish().catch((error: unknown) => {
      this.#fault ??= new FirehoseError('CursorStore', 'cursor could not be saved at the end', { cause: error });
    });
    await saved;
    if (this.#fault) throw this.#fault;
  }

  #parts(): DeliveryParts {
    const { unit, verify, clock } = this.#options;
    const making: EventMaking = {
      unit,
      hashes: verify !== 'full',
      onDrop: (drop) => {
        this.counters.add('dropped', 1, drop.reason);
        this.#dropped(drop);
      },
    };
    return {
      eventsOf: (event, newAck) => {
        const events = eventsOf(event.frame, newAck, making);
        this.counters.add('delivered', events.length);
        return events;
      },
      finish: (event) => this.pipeline.finish(event),
      fail: (error) => this.fail(error),
      clock,
      signal: this.#stop.signal,
    };
  }

  #newPipeline(identity: IdentityResolver): Pipeline {
    const options = this.#options;
    const { verify: level, clock, lenient: isLenient, identityPatienceMs: patienceMs } = options;
    const onWaiting = (did: string, message: string): void => this.#waitsFor(did, message);
    const verifier = level === 'none' ? null : new Verifier({ level, identity, clock, isLenient, patienceMs, onWaiting, signal: this.#stop.signal });
    return new Pipeline({
      filter: options.filter,
      keepsEmpty: options.unit === 'commit',
      isOrdered: this.#mode.isOrdered,
      verifier,
      continuity: this.#following?.continuity ?? null,
      forget: (did) => (verifier ? verifier.forget(did) : identity.invalidate(did)),
      budget: this.budget,
      counters: this.counters,
      deliver: (event) => this.#delivery?.deliver(event),
      onDrop: (drop) => this.#dropped(drop),
      onWord: (word) => (word.isError ? this.#heardError(word.name, word.message) : this.#heardInfo(word.name, word.message)),
      onFault: (error) => {
        if (!this.#stop.signal.aborted) this.fail(error);
      },
    });
  }

  #newFollowing(identity: IdentityResolver): Following {
    const { budget, counters } = this;
    return new Following({
      options: this.#options,
      identity,
      pipeline: () => this.pipeline,
      deliver: (event) => this.#delivery?.deliver(event),
      budget,
      counters,
      onNotice: (notice) => this.#notify(notice),
      fail: (error) => this.fail(error),
      signal: this.#stop.signal,
    });
  }

  #newSubscription(): Subscription {
    const { service, path, params, headers, backoff, idleMs, handshakeTimeoutMs, lookup, clock } = this.#options;
    const given = Object.fromEntries(Object.entries({ path, params, headers, backoff, idleMs, handshakeTimeoutMs, lookup }).filter(([, value]) => value !== undefined));
    return new Subscription({
      ...given,
      service,
      clock,
      maxFrameBytes: readableFrameBytes,
      cursor: () => this.pipeline.lastSeq,
      onFrame: (bytes) => this.#guard(() => this.pipeline.take(bytes)),
      onState: (state) => {
        if (state === 'open') this.counters.add('connects');
        if (state === 'open') this.#following?.start();
        this.#notify({ kind: 'state', state });
      },
      onError: (fault) => this.#heardFault(fault),
    });
  }

  #heardFault(fault: SubscriptionFault): void {
    this.counters.add('faults');
    if (fault.kind === 'error-frame') this.#heardError(fault.error, fault.message);
    else this.#notify({ kind: 'fault', fault });
  }

  #heardError(error: string, message: string | null): void {
    if (error === 'ConsumerTooSlow') return this.#notify({ kind: 'tooSlow', message });
    if (error !== 'FutureCursor') return this.#notify({ kind: 'fault', fault: { kind: 'error-frame', error, message } });
    const cursor = this.pipeline.lastSeq;
    const restart = this.#options.onFutureCursor;
    this.#notify({ kind: 'futureCursor', cursor, restart });
    if (restart === 'fail') this.fail(new FirehoseError('FutureCursor', `the server has never reached our cursor: cursor=${cursor}`));
    else this.pipeline.restart(restart === 'oldest' ? 0 : null);
  }

  #heardInfo(name: string, message: string | null): void {
    if (name !== 'OutdatedCursor') return this.#notify({ kind: 'info', name, message });
    const cursor = this.pipeline.lastSeq;
    this.#notify({ kind: 'outdatedCursor', cursor, message });
    if (this.#options.onOutdatedCursor === 'fail') this.fail(new FirehoseError('OutdatedCursor', `events after our cursor are gone at the server: cursor=${cursor}`));
  }

  /** One directory that is out makes thousands of accounts wait: one notice speaks for all. */
  #waitsFor(did: string, message: string): void {
    const nowMs = this.#options.clock.elapsedMs();
    if (nowMs < this.#nextWaitingNoticeMs) return;
    this.#nextWaitingNoticeMs = nowMs + 10_000;
    this.#notify({ kind: 'identityUnavailable', did, message });
  }

  #dropped(drop: Drop): void {
    this.#guard(() => this.#options.onDrop?.(drop));
  }

  #notify(notice: Notice): void {
    this.#guard(() => this.#options.onNotice?.(notice));
  }

  /** What a callback of the user's throws, or a mistake of ours, ends the run and not the process. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.fail(error);
    }
  }
}

function asStoreError(error: unknown): never {
  throw error instanceof FirehoseError ? error : new FirehoseError('CursorStore', 'cursor could not be loaded', { cause: error });
}
