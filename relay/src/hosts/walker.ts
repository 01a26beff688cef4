/**
 * Goes through the lists of repositories that hosts have (listRepos), once and then now and again, and has the accounts
 * taken in that never spoke since the relay began.
 * Not for one host's pages (host-walk.ts). Place in the flow: a timer beside hop 5; politely: few hosts at a time, a page
 * a second from one host, so many look-ups a second in all, pauses that double while a host does not answer.
 * Source: ours, docs/decisions/0017-accounts-that-never-spoke.md.
 */
import type { Clock, Timer } from '@dunlin/protocol/base/clock';
import type { Home } from '../ingest/home.ts';
import type { Introduction } from '../ingest/introduction.ts';
import { isOutOfRoom } from '../log/group-writer.ts';
import { walkHost } from './host-walk.ts';
import type { WalkMetrics } from './host-walk.ts';
import { LookupPace } from './lookup-pace.ts';
import type { WalkStore } from './walk-store.ts';

/** What it works with. */
export interface WalkerParts {
  readonly walks: WalkStore;
  readonly introduction: Introduction;
  /** Gives those of the next hosts after a number that answer and may be asked, and where to go on; 0 is the beginning. */
  readonly hostsAfter: (hostId: number) => { readonly homes: readonly Home[]; readonly nextId: number };
  readonly mayAsk: (hostId: number) => boolean;
  /** Guarded against private addresses, bounded in bytes and time. */
  readonly fetch: typeof globalThis.fetch;
  /** Has all accounts taken in so far on disk when it resolves. */
  readonly saveAccounts: () => Promise<void>;
  /** Nothing is begun while the disk has no room for what would be found. */
  readonly hasRoom: () => boolean;
  readonly lookupsPerSecond: number;
  /** A list is gone through again after so long. */
  readonly againMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly metrics: WalkMetrics;
  readonly onFault: (error: unknown) => void;
}

const everyMs = 1_000;
/** Hosts that are walked at the same time. */
const atOnce = 8;

/** Walks. */
export class Walker {
  readonly #parts: WalkerParts;
  readonly #pace: LookupPace;
  readonly #timer: Timer;
  readonly #stopping = new AbortController();
  readonly #running = new Map<number, Promise<void>>();
  #lastId = 0;

  constructor(parts: WalkerParts) {
    this.#parts = parts;
    this.#pace = new LookupPace(parts.lookupsPerSecond, parts.clock);
    this.#timer = parts.clock.every(everyMs, () => this.#step(), { unref: true });
  }

  /** Hosts that are being walked. */
  get size(): number {
    return this.#running.size;
  }

  /** Begins no more, and lets go of what is under way. */
  stop(): void {
    this.#timer.cancel();
    this.#stopping.abort();
  }

  /** Stops; resolves when nothing is under way. */
  async close(): Promise<void> {
    this.stop();
    await Promise.all(this.#running.values());
  }

  /** Looks at some more hosts and begins those whose time has come. */
  #step(): void {
    if (this.#running.size >= atOnce || !this.#parts.hasRoom()) return;
    const { homes, nextId } = this.#parts.hostsAfter(this.#lastId);
    const nowMs = this.#parts.clock.nowMs();
    for (const home of homes) {
      if (this.#running.size >= atOnce) return;
      this.#lastId = home.id;
      if (!this.#running.has(home.id) && this.#parts.walks.find(home.id).nextMs <= nowMs) this.#begin(home);
    }
    this.#lastId = nextId;
  }

  #begin(home: Home): void {
    const work = walkHost({ ...this.#parts, pace: this.#pace, signal: this.#stopping.signal }, home)
      .catch((error: unknown) => {
        // A disk that is full is waited out: the page is asked for again.
        if (!this.#stopping.signal.aborted && !isOutOfRoom(error)) this.#parts.onFault(error);
      })
      .finally(() => this.#running.delete(home.id));
    this.#running.set(home.id, work);
  }
}
