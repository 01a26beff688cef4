/**
 * Lanes: work of one key (a DID) is done one after another in the order it came, work of different keys side by side.
 * Not for: bounding what waits (the owner counts bytes and pauses its source) or for order across keys.
 * Place in the flow: once before verification, once before the handler.
 * Rules: at most `concurrency` pieces are under way; a key with much waiting takes turns with the others; work that
 * is done at once (no promise) costs no turn of the event loop.
 * Source: ours, see firehose-consumer/README.md, guarantee 1.
 */
import { assert } from '@dunlin/protocol/base/assert';
import { Queue } from './queue.ts';

interface Lane<T> {
  readonly key: string;
  readonly waiting: Queue<T>;
  isBusy: boolean;
}

/** How lanes work; `work` must not throw or reject: what can go wrong is its own to answer. */
export interface LanesOptions<T> {
  /** The most pieces of work under way at once. */
  concurrency: number;
  work: (item: T) => void | Promise<void>;
}

/** Does work in order per key and side by side over keys. */
export class Lanes<T> {
  readonly #concurrency: number;
  readonly #work: (item: T) => void | Promise<void>;
  /** Every key with work under way or waiting. */
  readonly #lanes = new Map<string, Lane<T>>();
  /** Lanes with something to do and nothing under way, in turn. */
  readonly #ready = new Queue<Lane<T>>();
  #running = 0;
  #isDraining = false;
  #idle: (() => void)[] = [];

  constructor(options: LanesOptions<T>) {
    assert(options.concurrency >= 1, `lanes need a concurrency: got=${options.concurrency}`);
    this.#concurrency = options.concurrency;
    this.#work = options.work;
  }

  /** How many keys have work. */
  get size(): number {
    return this.#lanes.size;
  }

  /** Adds work; it is begun at once when its key and the concurrency allow. */
  push(key: string, item: T): void {
    const lane = this.#lanes.get(key) ?? { key, waiting: new Queue<T>(), isBusy: false };
    lane.waiting.push(item);
    if (lane.isBusy || lane.waiting.size > 1) return;
    this.#lanes.set(key, lane);
    this.#ready.push(lane);
    this.#drain();
  }

  /** Forgets all work that has not begun. */
  clear(): void {
    this.#ready.clear();
    for (const [key, lane] of this.#lanes) {
      lane.waiting.clear();
      if (!lane.isBusy) this.#lanes.delete(key);
    }
  }

  /** Resolves when no work is left. */
  idle(): Promise<void> {
    return this.#lanes.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }

  #drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    while (this.#running < this.#concurrency) {
      const lane = this.#ready.shift();
      if (!lane) break;
      this.#begin(lane);
    }
    this.#isDraining = false;
    if (this.#lanes.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #begin(lane: Lane<T>): void {
    const item = lane.waiting.shift() as T;
    lane.isBusy = true;
    this.#running += 1;
    const done = this.#work(item);
    if (!done) return this.#end(lane);
    void done.then(() => {
      this.#end(lane);
      this.#drain();
    });
  }

  #end(lane: Lane<T>): void {
    this.#running -= 1;
    lane.isBusy = false;
    if (lane.waiting.size > 0) this.#ready.push(lane);
    else this.#lanes.delete(lane.key);
  }
}
