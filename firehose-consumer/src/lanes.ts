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
  /** Made when something has to wait; most keys never need it. */
  waiting: Queue<T> | null;
}

/** How lanes work. */
export interface LanesOptions<T> {
  /** The most pieces of work under way at once. */
  concurrency: number;
  work: (item: T) => void | Promise<void>;
  /** Hears what `work` threw or rejected with; the lane goes on with its next piece. */
  onFault: (error: unknown) => void;
}

/** Does work in order per key and side by side over keys. */
export class Lanes<T> {
  readonly #concurrency: number;
  readonly #work: (item: T) => void | Promise<void>;
  readonly #onFault: (error: unknown) => void;
  /** Every key with work under way or waiting; a lane is either in `#ready` or under way. */
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
    this.#onFault = options.onFault;
  }

  /** How many keys have work. */
  get size(): number {
    return this.#lanes.size;
  }

  /** Adds work; it is begun at once when its key and the concurrency allow. */
  push(key: string, item: T): void {
    const there = this.#lanes.get(key);
    if (there) {
      there.waiting ??= new Queue();
      there.waiting.push(item);
      return;
    }
    const lane: Lane<T> = { key, waiting: null };
    this.#lanes.set(key, lane);
    if (this.#running < this.#concurrency && this.#ready.size === 0) {
      this.#begin(lane, item);
    } else {
      lane.waiting = new Queue();
      lane.waiting.push(item);
      this.#ready.push(lane);
    }
    this.#drain();
  }

  /** Forgets all work that has not begun. */
  clear(): void {
    for (let lane = this.#ready.shift(); lane; lane = this.#ready.shift()) this.#lanes.delete(lane.key);
    for (const lane of this.#lanes.values()) lane.waiting = null;
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
      this.#begin(lane, lane.waiting?.shift() as T);
    }
    this.#isDraining = false;
    if (this.#lanes.size === 0 && this.#idle.length > 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #begin(lane: Lane<T>, item: T): void {
    this.#running += 1;
    const done = this.#try(item);
    if (!done) return this.#end(lane);
    void done.catch(this.#onFault).then(() => {
      this.#end(lane);
      this.#drain();
    });
  }

  #try(item: T): void | Promise<void> {
    try {
      return this.#work(item);
    } catch (error) {
      this.#onFault(error);
    }
  }

  #end(lane: Lane<T>): void {
    this.#running -= 1;
    if (lane.waiting && lane.waiting.size > 0) this.#ready.push(lane);
    else this.#lanes.delete(lane.key);
  }
}
