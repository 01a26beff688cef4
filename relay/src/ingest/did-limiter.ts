/**
 * Limits how often something is done for one DID of one host: looking it up anew on bad input, passing on its #identity
 * events.
 * Not for whole hosts. Place in the flow: ingest, before the network is asked.
 * Source: ours; a token bucket each, kept for the DIDs met last, so memory is bounded (who falls out begins anew).
 */
import { sha256Latin1 } from '@dunlin/protocol/crypto/hash';

/** A bucket's size and how long one token takes to come back. */
export interface DidLimit {
  readonly burst: number;
  readonly everyMs: number;
}

const maxDids = 100_000;

interface Bucket {
  left: number;
  atMs: number;
}

/** One bucket for each key: a DID and the host that speaks for it. */
export class DidLimiter {
  readonly #limit: DidLimit;
  /** In the order of their making; the oldest goes when there are too many. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(limit: DidLimit) {
    this.#limit = limit;
  }

  /** Takes a token; false when there is none. */
  take(name: string, nowMs: number): boolean {
    const { burst, everyMs } = this.#limit;
    // A DID may have 2,048 characters: what is kept of it has 32.
    const key = sha256Latin1(name);
    let bucket = this.#buckets.get(key);
    if (!bucket) {
      bucket = { left: burst, atMs: nowMs };
      this.#buckets.set(key, bucket);
      this.#forgetOldest();
    }
    const left = Math.min(burst, bucket.left + (nowMs - bucket.atMs) / everyMs);
    bucket.atMs = nowMs;
    bucket.left = left < 1 ? left : left - 1;
    return left >= 1;
  }

  #forgetOldest(): void {
    if (this.#buckets.size <= maxDids) return;
    for (const oldest of this.#buckets.keys()) {
      this.#buckets.delete(oldest);
      return;
    }
  }
}
