/**
 * Sends a log's events to its consumers, who pull: a consumer is a socket and a position, nothing is queued for it.
 * Near the head all share runs of the ring (the same bytes to every socket); behind it the same step reads the log.
 * When idle an event leaves at once; under load events are gathered for a few ms, since a write costs more than its bytes.
 * Not for cursor rules (subscribe.ts) and not for filtering. Invariants 3, 4, 5 and 10 rest here: every consumer sees
 * exactly the events with seq > its cursor, in order, none twice; a slow one costs only itself.
 * Source: ours; measurements in bench/relay-outbox.ts.
 */
import { assert, AssertionFailure } from '@dunlin/protocol/base/assert';
import { systemClock, type Clock, type Timer } from '@dunlin/protocol/base/clock';
import { closeCodes } from '@dunlin/protocol/stream/close-codes';
import { encodeErrorFrame } from '@dunlin/protocol/stream/frame';
import { throwAtProcess } from '../lifecycle/throw-at-process.ts';
import type { Logger } from '../log/logger.ts';
import type { Metrics } from '../metrics/registry.ts';
import { wrapFrame } from '../websocket/frames.ts';
import type { EventLog, EventSlice } from './event-log.ts';
import { outboxMetrics, type OutboxMetrics } from './outbox-metrics.ts';
import { Ring } from './ring.ts';

/** What the outbox needs of a connection; a WebSocketConnection is one. */
export interface OutboxConnection {
  readonly ip: string;
  readonly isOpen: boolean;
  readonly bufferedBytes: number;
  readonly deliveredBytes: number;
  /** Takes complete frames; false means wait for a drain. */
  sendFrames(frames: Uint8Array): boolean;
  onDrain(listener: () => void): void;
  onClose(listener: (code: number) => void): void;
  close(code: number, reason?: string): void;
}

/** Bounds and parts of an outbox. */
export interface OutboxOptions {
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Memory for the newest frames, in bytes; default 32 MiB. */
  readonly ringBytes?: number;
  /** Longest time events are gathered under load, in ms; default 5. */
  readonly flushMs?: number;
  /** Most bytes read from the log for one consumer at a time; default 262,144. */
  readonly readBytes?: number;
  /** A consumer that takes nothing for so long, in ms, is cut with ConsumerTooSlow; default 30,000. */
  readonly stallMs?: number;
  /** Told when the log finds itself damaged; by default it is thrown at the process, which drains and exits. */
  readonly onAssertionFailure?: (failure: AssertionFailure) => void;
}

/** A consumer as operators see it. */
export interface ConsumerInfo {
  readonly ip: string;
  /** Seq of the last event handed to its socket. */
  readonly cursor: number;
  readonly connectedAtMs: number;
  readonly sentEvents: number;
  readonly sentBytes: number;
  readonly bufferedBytes: number;
}

interface Consumer {
  readonly connection: OutboxConnection;
  readonly connectedAtMs: number;
  cursor: number;
  sentEvents: number;
  sentBytes: number;
  /** idle: at the head; queued: waits for its turn; reading: waits for the log; blocked: waits for its socket. */
  state: 'idle' | 'queued' | 'reading' | 'blocked' | 'gone';
  deliveredBytes: number;
  deliveredAtMs: number;
  /** Gives back the buffer that its socket is sending, which must not change before. */
  release: (() => void) | null;
}

/** Longest stretch of sending before other work of the process gets its turn, in ms. */
const turnMs = 4;

/** So many bytes are worth a write without gathering more. */
const worthWritingBytes = 65_536;

/** The time spent on a flush is at most this part of the time between flushes, until flushMs is reached. */
const flushShare = 1 / 4;

/** Feeds any number of consumers from one log. */
export class Outbox {
  readonly #log: EventLog;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #o: Required<Pick<OutboxOptions, 'flushMs' | 'readBytes' | 'stallMs' | 'onAssertionFailure'>>;
  readonly #metrics: OutboxMetrics;
  readonly #ring: Ring;
  readonly #consumers = new Set<Consumer>();
  readonly #unsubscribe: () => void;
  readonly #stallTimer: Timer;
  /** Consumers whose turn has come, in order. */
  #queue: Consumer[] = [];
  /** How often the log changed in place: what was read before may hold what was taken down since. */
  #changes = 0;
  #isTurnScheduled = false;
  #gatherTimer: Timer | null = null;
  #gatheredBytes = 0;
  #flushedAtMs = 0;
  #flushCostMs = 0;

  /** Begins to listen to the log at once. */
  constructor(log: EventLog, o: OutboxOptions) {
    this.#log = log;
    this.#logger = o.logger;
    this.#clock = o.clock ?? systemClock;
    this.#o = { flushMs: o.flushMs ?? 5, readBytes: o.readBytes ?? 262_144, stallMs: o.stallMs ?? 30_000, onAssertionFailure: o.onAssertionFailure ?? throwAtProcess };
    this.#ring = new Ring(o.ringBytes ?? 33_554_432, log.headSeq());
    this.#metrics = outboxMetrics(o.metrics, { consumers: () => this.#consumers.size, ringBytes: () => this.#ring.heldBytes });
    this.#unsubscribe = log.onAppend((slice) => this.#onAppend(slice));
    this.#stallTimer = this.#clock.every(Math.max(1, this.#o.stallMs / 4), () => this.#cutStalled(), { unref: true });
  }

  /** Sends a connection every event with seq > afterSeq, for as long as it is open. */
  attach(connection: OutboxConnection, afterSeq: number): void {
    const nowMs = this.#clock.elapsedMs();
    const consumer: Consumer = { connection, connectedAtMs: this.#clock.nowMs(), cursor: afterSeq, sentEvents: 0, sentBytes: 0, state: 'idle', deliveredBytes: connection.deliveredBytes, deliveredAtMs: nowMs, release: null };
    this.#consumers.add(consumer);
    connection.onDrain(() => {
      if (connection.bufferedBytes === 0) release(consumer);
      if (consumer.state === 'blocked') this.#enqueue(consumer);
    });
    connection.onClose(() => {
      consumer.state = 'gone';
      this.#consumers.delete(consumer);
    });
    if (this.#consumers.has(consumer)) this.#enqueue(consumer);
  }

  /** Lists the consumers of now. */
  consumers(): ConsumerInfo[] {
    return [...this.#consumers].map(({ connection, cursor, connectedAtMs, sentEvents, sentBytes }) => (
      { ip: connection.ip, cursor, connectedAtMs, sentEvents, sentBytes, bufferedBytes: connection.bufferedBytes }));
  }

  /** Drops the frames in memory, those being read too, for when the log changed some in place (a takedown): the log is read instead. */
  forget(): void {
    this.#changes += 1;
    this.#ring.forget();
  }

  /** Stops sending. Closing the connections is their server's matter. */
  close(): void {
    this.#unsubscribe();
    this.#stallTimer.cancel();
    this.#gatherTimer?.cancel();
    for (const consumer of this.#consumers) consumer.state = 'gone';
    this.#consumers.clear();
    this.#queue = [];
  }

  #onAppend(slice: EventSlice): void {
    if (this.#consumers.size === 0) return this.#ring.pass(slice);
    this.#ring.append(slice);
    this.#gatheredBytes += slice.bytes.length;
    const gatherMs = Math.min(this.#o.flushMs, this.#flushCostMs / flushShare);
    const waitMs = this.#gatheredBytes >= worthWritingBytes ? 0 : this.#flushedAtMs + gatherMs - this.#clock.elapsedMs();
    if (waitMs < 1) {
      this.#gatherTimer?.cancel();
      this.#gatherTimer = null;
      this.#scheduleTurn();
    } else this.#gatherTimer ??= this.#clock.after(Math.ceil(waitMs), () => {
      this.#gatherTimer = null;
      this.#scheduleTurn();
    });
  }

  #enqueue(consumer: Consumer): void {
    consumer.state = 'queued';
    this.#queue.push(consumer);
    this.#scheduleTurn();
  }

  #scheduleTurn(): void {
    if (this.#isTurnScheduled) return;
    this.#isTurnScheduled = true;
    setImmediate(() => this.#takeTurn());
  }

  /** Gives every consumer that can go on one step, for at most turnMs; the rest has the next turn. */
  #takeTurn(): void {
    this.#isTurnScheduled = false;
    const startMs = this.#clock.elapsedMs();
    const isFlush = this.#gatheredBytes > 0 && this.#gatherTimer === null;
    if (isFlush) {
      this.#gatheredBytes = 0;
      for (const consumer of this.#consumers) {
        if (consumer.state !== 'idle') continue;
        consumer.state = 'queued';
        this.#queue.push(consumer);
      }
    }
    const queue = this.#queue;
    this.#queue = [];
    let done = 0;
    // The clock is looked at after every sixteenth: a turn always gets somewhere.
    do {
      const consumer = queue[done++];
      if (consumer?.state === 'queued') this.#step(consumer);
    } while (done < queue.length && (done % 16 !== 0 || this.#clock.elapsedMs() - startMs < turnMs));
    if (done < queue.length) this.#queue = [...queue.slice(done), ...this.#queue];
    if (this.#queue.length > 0) this.#scheduleTurn();
    this.#flushedAtMs = this.#clock.elapsedMs();
    if (isFlush) this.#flushCostMs = this.#flushedAtMs - startMs;
  }

  #step(consumer: Consumer): void {
    const run = this.#ring.runAfter(consumer.cursor);
    if (run !== null) this.#send(consumer, run.bytes, run.lastSeq, run.count);
    else if (consumer.cursor >= this.#ring.lastSeq && consumer.cursor >= this.#log.headSeq()) consumer.state = 'idle';
    else this.#readLog(consumer);
  }

  #readLog(consumer: Consumer): void {
    if (consumer.cursor + 1 < this.#log.oldestSeq()) return this.#cut(consumer, 'window', 'your position fell out of the replay window');
    consumer.state = 'reading';
    this.#metrics.logReads.inc();
    try {
      const changes = this.#changes;
      const read = this.#log.read(consumer.cursor, this.#o.readBytes);
      const onSlice = (slice: EventSlice | null): void => {
        if (changes === this.#changes && consumer.state === 'reading') return this.#onRead(consumer, slice);
        slice?.release?.();
        if (consumer.state === 'reading') this.#readLog(consumer);
      };
      if (read instanceof Promise) read.then(onSlice, (error) => this.#onReadFailed(consumer, error));
      else this.#onRead(consumer, read);
    } catch (error) {
      this.#onReadFailed(consumer, error);
    }
  }

  #onRead(consumer: Consumer, slice: EventSlice | null): void {
    // Nothing there although the head says otherwise: the events went out of the window meanwhile, or are told of soon.
    if (slice === null) {
      if (consumer.cursor + 1 < this.#log.oldestSeq()) this.#enqueue(consumer);
      else consumer.state = 'idle';
      return;
    }
    assert(slice.firstSeq > consumer.cursor, `log gave events again: cursor=${consumer.cursor} first=${slice.firstSeq}`);
    this.#send(consumer, slice.bytes, slice.lastSeq, slice.count);
    // A socket that holds bytes and takes more all the same does not say when it is done with them: that buffer is not given back.
    if (consumer.connection.bufferedBytes === 0) slice.release?.();
    else if (consumer.state === 'blocked' && consumer.release === null) consumer.release = slice.release ?? null;
  }

  #onReadFailed(consumer: Consumer, error: unknown): void {
    this.#logger.error({ err: error, cursor: consumer.cursor }, 'reading the event log failed');
    consumer.connection.close(closeCodes.internalError, 'internal error');
    if (error instanceof AssertionFailure) this.#o.onAssertionFailure(error);
  }

  #send(consumer: Consumer, bytes: Buffer, lastSeq: number, count: number): void {
    consumer.cursor = lastSeq;
    consumer.sentEvents += count;
    consumer.sentBytes += bytes.length;
    this.#metrics.sentEvents.inc(count);
    this.#metrics.sentBytes.inc(bytes.length);
    const canTakeMore = consumer.connection.sendFrames(bytes);
    if (!canTakeMore) {
      consumer.state = 'blocked';
      consumer.deliveredBytes = consumer.connection.deliveredBytes;
      consumer.deliveredAtMs = this.#clock.elapsedMs();
    } else if (lastSeq >= this.#ring.lastSeq) consumer.state = 'idle';
    else this.#enqueue(consumer);
  }

  #cutStalled(): void {
    const nowMs = this.#clock.elapsedMs();
    for (const consumer of this.#consumers) {
      if (consumer.state !== 'blocked') continue;
      const { deliveredBytes } = consumer.connection;
      if (deliveredBytes > consumer.deliveredBytes) {
        consumer.deliveredBytes = deliveredBytes;
        consumer.deliveredAtMs = nowMs;
      } else if (nowMs - consumer.deliveredAtMs >= this.#o.stallMs) this.#cut(consumer, 'stalled', 'you took no events for too long');
    }
  }

  #cut(consumer: Consumer, reason: 'stalled' | 'window', message: string): void {
    consumer.state = 'gone';
    this.#consumers.delete(consumer);
    this.#metrics.cuts.inc({ reason });
    consumer.connection.sendFrames(wrapFrame(encodeErrorFrame('ConsumerTooSlow', message)));
    consumer.connection.close(closeCodes.policyViolation, 'ConsumerTooSlow');
  }
}

/** Gives back what a consumer's socket has sent. */
function release(consumer: Consumer): void {
  consumer.release?.();
  consumer.release = null;
}
