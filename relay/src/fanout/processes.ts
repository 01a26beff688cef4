/**
 * Serves consumers in processes of their own: RELAY_FANOUT_PROCESSES of them, each with the log's files before it.
 * The relay reads the request of a consumer, counts it against the bounds, which so hold across all processes, and gives the
 * connection to the process that has fewest. A process that ends is started again after a wait that grows; its consumers come
 * back by themselves. Not for what is streamed (streams/). Place in the flow: hop 8.
 * Source: ours, see docs/decisions/0018.
 */
import { AssertionFailure } from '@dunlin/protocol/base/assert';
import type { Clock, Timer } from '@dunlin/protocol/base/clock';
import { subscribeReposPath } from '@dunlin/service/firehose/subscribe';
import { clientAddress } from '@dunlin/service/http/client-address';
import { takeRequest, type HandedConnection } from '@dunlin/service/http/hand-over';
import type { Logger } from '@dunlin/service/log/logger';
import type { CounterChild, Figures, Metrics } from '@dunlin/service/metrics/registry';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { RelayLog } from '../log/relay-log.ts';
import { AnswerSlots } from '../streams/answer-slots.ts';
import { readDictionary } from '../streams/dictionary.ts';
import { eventsPath } from '../streams/event-source.ts';
import { pollPath } from '../streams/poll.ts';
import { serveDictionary } from '../streams/serve.ts';
import { subscribePath } from '../streams/subscribe.ts';
import { FanoutChild } from './child.ts';
import type { Entrance, Fanout } from './fanout.ts';
import type { Answer, Beginning, ListedConsumer, Request } from './messages.ts';

/** What they work with. */
export interface FanoutProcessesParts {
  readonly count: number;
  readonly log: RelayLog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly beginning: Omit<Beginning, 'log'>;
  readonly onFault: (error: unknown) => void;
}

/** Longest wait for a process to begin, in ms. */
const startMs = 30_000;

/** A process that does not do what it is asked for so long, in ms, is ended: then it holds nothing any more either. */
const answerMs = 5_000;

/** Wait before a process that ended is started again, in ms: twice as long each time, back to the first when one has lived. */
const restartMs = { min: 100, max: 10_000, livedMs: 30_000 } as const;

/** How long consumers may take to hear that the relay is going away, in ms. */
const closeMs = 6_000;

interface Place {
  child: FanoutChild;
  startedAtMs: number;
  waitMs: number;
  timer: Timer | null;
}

/** The processes. */
export class FanoutProcesses implements Fanout {
  readonly #parts: FanoutProcessesParts;
  readonly #slots = new AnswerSlots({ maxAnswers: 10_000, maxAnswersPerAddress: 100 });
  readonly #unsubscribe: () => void;
  readonly #places: Place[] = [];
  #starting: { resolve: () => void; reject: (error: Error) => void } | null = null;
  readonly #ended: CounterChild;
  #isClosing = false;
  #closing: Promise<void> | null = null;
  #isGrowing = false;

  /** Starts none yet. */
  constructor(parts: FanoutProcessesParts) {
    this.#parts = parts;
    const { log, metrics } = parts;
    this.#unsubscribe = log.onAppend(() => this.#growSoon());
    log.beforeRemoval(async () => void (await this.#askAll({ kind: 'dropOldest' })));
    metrics.include(() => this.#figures());
    metrics.gauge({ name: 'fanout_processes', help: 'Processes that serve consumers, ready now.', read: () => this.#ready().length });
    this.#ended = metrics.counter({ name: 'fanout_processes_ended_total', help: 'Times such a process ended although nobody asked it to.' }).child();
  }

  /** Starts all; resolves when they are ready. @throws when one ends before */
  async start(): Promise<void> {
    const { count, clock } = this.#parts;
    const all = new Promise<void>((resolve, reject) => void (this.#starting = { resolve, reject }));
    for (let number = 1; number <= count; number++) this.#begin(null);
    const timer = clock.after(startMs, () => this.#starting?.reject(new Error('processes for consumers did not start')));
    try {
      await all;
    } finally {
      timer.cancel();
      this.#starting = null;
    }
  }

  get count(): number {
    return this.#places.reduce((sum, { child }) => sum + child.connections, 0);
  }

  mount({ websocket, router }: Entrance): void {
    for (const path of [subscribeReposPath, subscribePath]) websocket.handOver(path, (connection, release) => this.#give(connection, release));
    router.get([eventsPath, pollPath], async (context) => {
      this.#least();
      const free = this.#slots.take(clientAddress(context.req));
      try {
        const connection = await takeRequest(context.req, context.res);
        context.respond = false;
        context.status = 200;
        this.#giveOrCut(connection, free);
      } catch (error) {
        free();
        throw error;
      }
    });
    serveDictionary(router, readDictionary());
  }

  async consumers(): Promise<readonly ListedConsumer[]> {
    const answers = await this.#askAll({ kind: 'consumers' });
    return answers.flatMap((answer) => answer?.consumers ?? []);
  }

  async forget(): Promise<void> {
    await this.#askAll({ kind: 'forget' });
  }

  /** Sends all consumers away and ends the processes. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#isClosing = true;
    this.#unsubscribe();
    for (const { timer } of this.#places) timer?.cancel();
    for (const { child } of this.#places) child.grow();
    await Promise.all(this.#places.map(({ child, timer }) => (timer === null ? child.ask({ kind: 'close' }, closeMs) : null)));
  }

  /** What is durable together is told together. */
  #growSoon(): void {
    if (this.#isGrowing) return;
    this.#isGrowing = true;
    queueMicrotask(() => {
      this.#isGrowing = false;
      for (const { child } of this.#places) child.grow();
    });
  }

  #ready(): FanoutChild[] {
    return this.#places.map(({ child }) => child).filter((child) => child.isReady);
  }

  /** @throws XrpcError 503 while none is ready */
  #least(): FanoutChild {
    const [first, ...others] = this.#ready();
    if (first === undefined || this.#isClosing) throw new XrpcError(503, 'ServiceUnavailable', 'nobody can serve streams just now', { 'retry-after': '1' });
    return others.reduce((least, child) => (child.connections < least.connections ? child : least), first);
  }

  #give(connection: HandedConnection, release: () => void): void {
    this.#least().give(connection, release);
  }

  /** As #give, for a connection on which nothing can be answered any more. */
  #giveOrCut(connection: HandedConnection, release: () => void): void {
    if (this.#ready().length > 0 && !this.#isClosing) return this.#give(connection, release);
    release();
    connection.socket.destroy();
  }

  /** Asks every process there is, those that are still starting too; an end counts as an answer. */
  async #askAll(request: Request): Promise<Answer[]> {
    return await Promise.all(this.#places.map(({ child, timer }) => (timer === null ? child.ask(request, child.isReady ? answerMs : startMs) : null)));
  }

  async #figures(): Promise<Map<string, Figures>> {
    const answers = await this.#askAll({ kind: 'figures' });
    return new Map(answers.flatMap((answer, index) => (answer?.figures ? [[String(index + 1), answer.figures] as const] : [])));
  }

  /** Starts a process, in the place of one that ended. */
  #begin(old: Place | null): void {
    const { clock, log, beginning, logger, onFault } = this.#parts;
    const child = new FanoutChild({
      log, clock, beginning,
      onReady: () => {
        logger.info({ pid: child.pid }, 'process for consumers is ready');
        if (this.#ready().length === this.#parts.count) this.#starting?.resolve();
      },
      onFault: (message) => onFault(new AssertionFailure(`in a process for consumers: ${message}`)),
      onExit: (cause) => this.#onExit(place, cause),
    });
    const place: Place = old ?? { child, startedAtMs: 0, waitMs: restartMs.min, timer: null };
    Object.assign(place, { child, startedAtMs: clock.elapsedMs(), timer: null });
    if (old === null) this.#places.push(place);
  }

  #onExit(place: Place, cause: string): void {
    const { clock, logger } = this.#parts;
    if (this.#isClosing) return;
    if (this.#starting !== null) return this.#starting.reject(new Error(`process for consumers ended: ${cause}`));
    this.#ended.inc();
    if (clock.elapsedMs() - place.startedAtMs >= restartMs.livedMs) place.waitMs = restartMs.min;
    logger.error({ pid: place.child.pid, cause, waitMs: place.waitMs }, 'process for consumers ended, it is started again');
    place.timer = clock.after(place.waitMs, () => this.#begin(place));
    place.waitMs = Math.min(restartMs.max, place.waitMs * 2);
  }
}
