/**
 * Finds hosts by asking other relays which ones they listen to.
 * Not for taking their word: each host is looked at like one that requests a crawl, and only half of the day's new hosts
 * may come this way: the other half is for those that ask.
 * Place in the flow: before hop 5, once a day. One question and one host at a time, so it never presses anybody.
 * Source: ours; lexicon com.atproto.sync.listHosts.
 */
import type { Clock, Timer } from '@dunlin/protocol/base/clock';
import type { Logger } from '@dunlin/service/log/logger';
import type { Crawl } from './crawl.ts';

/** What it works with. */
export interface DiscoveryParts {
  /** Origins of the relays that are asked. */
  readonly relays: readonly string[];
  readonly crawl: Pick<Crawl, 'discover'>;
  /** Guarded against private addresses, bounded in bytes and time. */
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly onFault: (error: unknown) => void;
}

const roundMs = 86_400_000;
/** The first round begins within this time of the start. */
const firstWithinMs = 60_000;
const pageSize = 1_000;
/** Bounds what one relay can make us read. */
const maxPages = 50;

interface Page {
  readonly hostnames: readonly string[];
  readonly cursor: string | null;
}

/** Asks relays. */
export class Discovery {
  readonly #parts: DiscoveryParts;
  readonly #timers: Timer[] = [];
  #running: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(parts: DiscoveryParts) {
    this.#parts = parts;
    if (parts.relays.length === 0) return;
    const { clock, random } = parts;
    this.#timers.push(clock.after(Math.floor(firstWithinMs * random()), () => this.#begin(), { unref: true }), clock.every(roundMs, () => this.#begin(), { unref: true }));
  }

  /** Begins no more; the question under way is let go of, so that closing waits for nobody. */
  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers) timer.cancel();
  }

  #begin(): void {
    this.#running = this.#running.then(() => this.#round()).catch((error: unknown) => {
      if (!this.#isClosed) this.#parts.onFault(error);
    });
  }

  async #round(): Promise<void> {
    for (const relay of this.#parts.relays) {
      if (this.#isClosed) return;
      const added = await this.#ask(relay);
      this.#parts.logger.info({ relay, added }, 'asked a relay for its hosts');
    }
  }

  /** Gives how many hosts were taken in; ends early when no more may be today. */
  async #ask(relay: string): Promise<number> {
    let [added, cursor] = [0, null as string | null];
    for (let pages = 0; pages < maxPages && !this.#isClosed; pages++) {
      const page = await this.#page(relay, cursor);
      if (page === null) return added;
      for (const hostname of page.hostnames) {
        if (this.#isClosed) return added;
        const outcome = await this.#parts.crawl.discover(hostname);
        if (outcome === 'limit') return added;
        if (outcome === 'added') added += 1;
      }
      ({ cursor } = page);
      if (cursor === null) return added;
    }
    return added;
  }

  async #page(relay: string, cursor: string | null): Promise<Page | null> {
    const query = new URLSearchParams({ limit: String(pageSize), ...(cursor !== null && { cursor }) });
    try {
      const response = await this.#parts.fetch(`${relay}/xrpc/com.atproto.sync.listHosts?${query.toString()}`, { headers: { accept: 'application/json' } });
      const body: unknown = await response.json();
      return response.ok ? read(body) : null;
    } catch (error) {
      this.#parts.logger.warn({ relay, error: error instanceof Error ? error.message : 'no answer' }, 'a relay did not tell its hosts');
      return null;
    }
  }
}

/** Leaves out hosts that the other relay has refused or cannot reach. */
function read(body: unknown): Page | null {
  const { hosts, cursor } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  if (!Array.isArray(hosts)) return null;
  const hostnames = hosts.slice(0, pageSize).flatMap((host: unknown) => {
    const { hostname, status } = (typeof host === 'object' && host !== null ? host : {}) as Record<string, unknown>;
    return typeof hostname === 'string' && status !== 'banned' && status !== 'offline' ? [hostname] : [];
  });
  return { hostnames, cursor: typeof cursor === 'string' && cursor !== '' ? cursor : null };
}
