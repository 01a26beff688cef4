/**
 * Asks relays to come and read this server's events: at the start, and with writes when it was long ago.
 * A relay that did not answer is asked again soon; one that did is left alone for a while.
 * Not for answering requestCrawl: that is the relay's. Source: lexicon com.atproto.sync.requestCrawl; interval as the reference PDS.
 */
import type { Clock, Timer } from '@dunlin/protocol/base/clock';
import { boundedFetch } from '@dunlin/protocol/identity/bounded-fetch';
import type { Logger } from '@dunlin/service/log/logger';
import type { ServerIdentity } from '../identity/server-identity.ts';

/** A relay that took a request is not asked again for so long, in ms. */
export const crawlIntervalMs = 20 * 60_000;

/** First and longest wait before a relay that did not answer is asked again, in ms. */
export const retryMs = { first: 1_000, longest: 5 * 60_000 } as const;

const timeoutMs = 10_000;
const maxAnswerBytes = 65_536;

interface Relay {
  readonly url: string;
  askedAtMs: number | null;
  isAsking: boolean;
  waitMs: number;
  retry: Timer | null;
}

/** The relays this server tells of itself. */
export class Crawlers {
  readonly #relays: readonly Relay[];
  readonly #server: ServerIdentity;
  readonly #fetch: typeof globalThis.fetch;
  readonly #clock: Clock;
  readonly #log: Logger;
  #isClosed = false;

  constructor(o: { urls: readonly string[]; server: ServerIdentity; fetch: typeof globalThis.fetch; clock: Clock; log: Logger }) {
    this.#relays = o.urls.map((url) => ({ url, askedAtMs: null, isAsking: false, waitMs: retryMs.first, retry: null }));
    this.#server = o.server;
    this.#fetch = o.fetch;
    this.#clock = o.clock;
    this.#log = o.log;
  }

  /** Asks every relay that was not asked lately; does not wait for answers. Cheap to call with every event. */
  notify(): void {
    const nowMs = this.#clock.elapsedMs();
    for (const relay of this.#relays) {
      const isRecent = relay.askedAtMs !== null && nowMs - relay.askedAtMs < crawlIntervalMs;
      if (!isRecent && !relay.isAsking && relay.retry === null) void this.#ask(relay);
    }
  }

  /** Ends all waiting. */
  close(): void {
    this.#isClosed = true;
    for (const { retry } of this.#relays) retry?.cancel();
  }

  async #ask(relay: Relay): Promise<void> {
    if (this.#isClosed) return;
    relay.isAsking = true;
    const fault = await this.#request(relay.url);
    relay.isAsking = false;
    if (fault === null) {
      relay.askedAtMs = this.#clock.elapsedMs();
      relay.waitMs = retryMs.first;
      return;
    }
    if (this.#isClosed) return;
    this.#log.warn({ relay: relay.url, reason: fault, retryMs: relay.waitMs }, 'relay did not take the request to crawl');
    relay.retry = this.#clock.after(relay.waitMs, () => {
      relay.retry = null;
      void this.#ask(relay);
    }, { unref: true });
    relay.waitMs = Math.min(relay.waitMs * 2, retryMs.longest);
  }

  async #request(relayUrl: string): Promise<string | null> {
    try {
      const answer = await boundedFetch({
        url: `${relayUrl}/xrpc/com.atproto.sync.requestCrawl`, fetch: this.#fetch, clock: this.#clock,
        timeoutMs, maxBytes: maxAnswerBytes, json: JSON.stringify({ hostname: this.#server.host }),
      });
      return answer.status >= 200 && answer.status < 300 ? null : `status ${answer.status}`;
    } catch (fault) {
      return fault instanceof Error ? fault.message : 'unknown';
    }
  }
}
