/**
 * Rate limits: token buckets by key, in bounded memory. A bucket holds `points` and fills evenly over `windowMs`.
 * Answers carry RateLimit-* headers; an empty bucket throws 429 RateLimitExceeded with Retry-After.
 * Not for limits that must survive a restart or be shared between processes. Source: ours; header names as the reference PDS.
 */
import { systemClock, type Clock } from '@dunlin/protocol/base/clock';
import { sha256Latin1 } from '@dunlin/protocol/crypto/hash';
import { XrpcError } from '../xrpc/errors.ts';

/** Shape of a limiter. */
export interface RateLimiterOptions {
  /** Most points a key can have; also what it gets back in one window. */
  readonly points: number;
  readonly windowMs: number;
  /** Most keys remembered; the longest unused is forgotten (and so begins full again). Default 100,000. */
  readonly maxKeys?: number;
  readonly clock?: Clock;
}

/** What spending came to. */
export interface Spending {
  readonly isAllowed: boolean;
  /** Whole points left. */
  readonly remaining: number;
  /** When the bucket will be full again, in seconds since 1970. */
  readonly resetSeconds: number;
  /** How long until the refused points are there, in whole seconds, at least 1; 0 when allowed. */
  readonly retryAfterSeconds: number;
}

/** Longest key that is kept as it is, in characters; callers may write what they like into some. */
const maxKeyLength = 128;

/** Gives what a key is remembered under. */
function nameOf(key: string): string {
  return key.length <= maxKeyLength ? key : sha256Latin1(key);
}

/** Counts points per key. */
export class RateLimiter {
  readonly points: number;
  readonly windowMs: number;
  readonly #clock: Clock;
  readonly #maxKeys: number;
  /** In order of use: the first is the longest unused. */
  readonly #buckets = new Map<string, { level: number; atMs: number }>();

  constructor(o: RateLimiterOptions) {
    this.points = o.points;
    this.windowMs = o.windowMs;
    this.#clock = o.clock ?? systemClock;
    this.#maxKeys = o.maxKeys ?? 100_000;
  }

  /** Takes points from the key's bucket; takes nothing when they are not all there. */
  spend(key: string, points = 1): Spending {
    const nowMs = this.#clock.elapsedMs();
    const name = nameOf(key);
    const bucket = this.#buckets.get(name) ?? { level: this.points, atMs: nowMs };
    bucket.level = Math.min(this.points, bucket.level + ((nowMs - bucket.atMs) * this.points) / this.windowMs);
    bucket.atMs = nowMs;
    this.#remember(name, bucket);
    // Filling is a sum of fractions: a hair below a whole point counts as the point.
    const isAllowed = bucket.level + 1e-6 >= points;
    if (isAllowed) bucket.level = Math.max(0, bucket.level - points);
    const msFor = (missing: number): number => (missing * this.windowMs) / this.points;
    return {
      isAllowed,
      remaining: Math.floor(bucket.level + 1e-6),
      resetSeconds: Math.ceil((this.#clock.nowMs() + msFor(this.points - bucket.level)) / 1_000),
      retryAfterSeconds: isAllowed ? 0 : Math.max(1, Math.ceil(msFor(Math.min(points, this.points) - bucket.level) / 1_000)),
    };
  }

  #remember(name: string, bucket: { level: number; atMs: number }): void {
    this.#buckets.delete(name);
    this.#buckets.set(name, bucket);
    if (this.#buckets.size <= this.#maxKeys) return;
    for (const oldest of this.#buckets.keys()) {
      this.#buckets.delete(oldest);
      return;
    }
  }

  /** Forgets a key, so that it begins full again. */
  reset(key: string): void {
    this.#buckets.delete(nameOf(key));
  }
}

/** A limit on a kind of request. */
export interface RateLimitRule<R> {
  readonly limiter: RateLimiter;
  /** Whose bucket pays; null lets the request pass free. */
  readonly key: (request: R) => string | null;
  /** What it costs; default 1. */
  readonly points?: (request: R) => number;
}

/** What a rule looks at, and where its headers go. */
interface Limited {
  setHeader(name: string, value: string): void;
}

/**
 * Spends a request's points and sets the RateLimit-* headers of its answer.
 * @throws XrpcError 429 RateLimitExceeded
 */
export function spend<R extends Limited>(rule: RateLimitRule<R>, request: R): void {
  spendAll([rule], request);
}

/**
 * Spends a request's points by every rule, in their order; the RateLimit-* headers of its answer tell of the bucket with the fewest left.
 * @throws XrpcError 429 RateLimitExceeded by the first that has not enough; those before it have been paid
 */
export function spendAll<R extends Limited>(rules: readonly RateLimitRule<R>[], request: R): void {
  let least = Infinity;
  for (const rule of rules) {
    const key = rule.key(request);
    if (key === null) continue;
    const spending = rule.limiter.spend(key, rule.points?.(request) ?? 1);
    if (spending.remaining < least || !spending.isAllowed) tell(rule.limiter, spending, request);
    least = Math.min(least, spending.remaining);
    if (!spending.isAllowed) throw new XrpcError(429, 'RateLimitExceeded', 'Rate Limit Exceeded', { 'retry-after': String(spending.retryAfterSeconds) });
  }
}

function tell({ points, windowMs }: RateLimiter, { remaining, resetSeconds }: Spending, answer: Limited): void {
  answer.setHeader('ratelimit-limit', String(points));
  answer.setHeader('ratelimit-remaining', String(remaining));
  answer.setHeader('ratelimit-reset', String(resetSeconds));
  answer.setHeader('ratelimit-policy', `${points};w=${Math.ceil(windowMs / 1_000)}`);
}
