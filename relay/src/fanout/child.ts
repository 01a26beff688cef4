/**
 * One process that serves consumers, as the relay sees it: started, told of the log's growth, given connections, asked.
 * Not for starting it again nor for choosing among several (processes.ts). When it ends, its connections are gone with it and
 * every request it owed an answer is answered with null: what it held in memory is gone too, which is what requests are about.
 * Place in the flow: between the log and the processes of hop 8. Source: ours.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { HandedConnection } from '@dunlin/service/http/hand-over';
import { startChild } from '@dunlin/service/lifecycle/child';
import type { ChildLink } from '@dunlin/service/lifecycle/child';
import type { LogGrowth } from '../log/followed-log.ts';
import type { RelayLog } from '../log/relay-log.ts';
import type { Answer, Beginning, FromProcess, Request, ToProcess } from './messages.ts';

/** What one is made with. */
export interface FanoutChildParts {
  readonly log: RelayLog;
  readonly clock: Clock;
  readonly beginning: Omit<Beginning, 'log'>;
  readonly onReady: () => void;
  /** Our own fault was found there: the relay must not go on as if nothing were. */
  readonly onFault: (message: string) => void;
  readonly onExit: (cause: string) => void;
}

/** The process. */
export class FanoutChild {
  readonly #parts: FanoutChildParts;
  readonly #link: ChildLink<ToProcess>;
  readonly #connections = new Map<number, () => void>();
  readonly #asked = new Map<number, (answer: Answer) => void>();
  #nextId = 1;
  /** First seq of the newest segment it was told of; 0 before it began. */
  #toldSegment = 0;
  #toldSeq = 0;
  #isReady = false;
  #isGone = false;

  /** Starts it. */
  constructor(parts: FanoutChildParts) {
    this.#parts = parts;
    this.#link = startChild<ToProcess, FromProcess>(new URL('./process-main.ts', import.meta.url), {
      onMessage: (message) => this.#onMessage(message),
      onExit: (cause) => this.#onExit(cause),
    });
  }

  get pid(): number {
    return this.#link.pid;
  }

  /** True while it takes connections. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Connections it has. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Tells it of everything that is durable now and that it does not know. */
  grow(): void {
    const { log } = this.#parts;
    if (this.#toldSegment === 0 || log.headSeq() === this.#toldSeq) return;
    this.#link.send({ kind: 'grow', growth: this.#growth() });
  }

  /** Gives it a connection; `release` is called when the connection is over. */
  give({ socket, head }: HandedConnection, release: () => void): void {
    const id = this.#nextId++;
    this.#connections.set(id, release);
    // It must not know less than a consumer that comes from another process.
    this.grow();
    this.#link.send({ kind: 'connection', id, head }, socket);
  }

  /** Asks; null when it ended before it answered, at the latest after the deadline, as it is killed then. */
  async ask(request: Request, deadlineMs: number): Promise<Answer> {
    if (this.#isGone) return null;
    const id = this.#nextId++;
    const answer = new Promise<Answer>((resolve) => void this.#asked.set(id, resolve));
    // The segment that becomes the oldest may be new and empty, and so not told of yet.
    if (request.kind === 'dropOldest' && this.#toldSegment > 0) this.#link.send({ kind: 'grow', growth: this.#growth() });
    this.#link.send({ kind: 'request', id, request });
    const timer = this.#parts.clock.after(deadlineMs, () => this.kill(), { unref: true });
    try {
      return await answer;
    } finally {
      timer.cancel();
    }
  }

  /** Ends it at once. */
  kill(): void {
    this.#link.kill();
  }

  #growth(): LogGrowth {
    const { log } = this.#parts;
    const segments = log.segments.filter(({ firstSeq }) => firstSeq >= this.#toldSegment);
    this.#toldSegment = segments.at(-1)?.firstSeq ?? this.#toldSegment;
    this.#toldSeq = log.headSeq();
    return { headSeq: this.#toldSeq, segments: segments.map(({ header, count, datBytes }) => ({ header, count, datBytes })) };
  }

  #onMessage(message: FromProcess): void {
    switch (message.kind) {
      case 'up':
        return this.#link.send({ kind: 'begin', with: { ...this.#parts.beginning, log: this.#growth() } });
      case 'ready':
        this.#isReady = true;
        return this.#parts.onReady();
      case 'ended':
        this.#connections.get(message.id)?.();
        return void this.#connections.delete(message.id);
      case 'done':
        this.#asked.get(message.id)?.(message);
        return void this.#asked.delete(message.id);
      case 'fault':
        return this.#parts.onFault(message.message);
    }
  }

  #onExit(cause: string): void {
    this.#isReady = false;
    this.#isGone = true;
    for (const release of this.#connections.values()) release();
    this.#connections.clear();
    for (const answer of this.#asked.values()) answer(null);
    this.#asked.clear();
    this.#parts.onExit(cause);
  }
}
