/**
 * How often one address or one account may do a thing: rules for the routes, all off unless the operator turns them on.
 * Whoever shows the operator's bypass key, or comes from an address named there, pays nothing.
 * Not for the counting itself (`service/http/rate-limit`). Source: points and windows as the reference PDS, beside the routes.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Clock } from '@dunlin/protocol/base/clock';
import { utf8Encode } from '@dunlin/protocol/base/bytes';
import { constantTimeEqual } from '@dunlin/protocol/crypto/constant-time';
import { limitKey } from '@dunlin/service/http/client-address';
import { RateLimiter, type RateLimitRule } from '@dunlin/service/http/rate-limit';
import type { Caller } from './auth.ts';

/** Lengths of windows, in ms. */
export const fiveMinutesMs = 300_000;
/** See fiveMinutesMs. */
export const hourMs = 3_600_000;
/** See fiveMinutesMs. */
export const dayMs = 86_400_000;

/** So many points in so many ms. */
export type LimitWindow = readonly [points: number, windowMs: number];

/** What of a request every rule looks at. */
export interface LimitedRequest {
  readonly ip: string;
  readonly headers: IncomingHttpHeaders;
}

/** What writes to repositories cost, by action. */
export const writePoints = { create: 3, update: 2, delete: 1 } as const;

const bypassHeader = 'x-ratelimit-bypass';

/** Makes the rules of routes. */
export class Limits {
  readonly #isOn: boolean;
  readonly #clock: Clock;
  readonly #bypassKey: string | null;
  readonly #bypassAddresses: ReadonlySet<string>;
  readonly #writeLimiters: readonly RateLimiter[];

  constructor(o: { isOn: boolean; bypassKey: string | null; bypassAddresses: readonly string[]; clock: Clock }) {
    this.#isOn = o.isOn;
    this.#clock = o.clock;
    this.#bypassKey = o.bypassKey;
    this.#bypassAddresses = new Set(o.bypassAddresses);
    this.#writeLimiters = this.#limiters([[5_000, hourMs], [35_000, dayMs]]);
  }

  /** Gives rules by the caller's address. */
  perAddress<R extends LimitedRequest>(...windows: readonly LimitWindow[]): RateLimitRule<R>[] {
    return this.by(({ ip }) => limitKey(ip), ...windows);
  }

  /** Gives rules by the account that calls. */
  perAccount<R extends LimitedRequest & { readonly auth: Caller }>(...windows: readonly LimitWindow[]): RateLimitRule<R>[] {
    return this.by(({ auth }) => auth.account.did, ...windows);
  }

  /** Gives rules by a key of one's own; null pays nothing. */
  by<R extends LimitedRequest>(key: (request: R) => string | null, ...windows: readonly LimitWindow[]): RateLimitRule<R>[] {
    return this.#limiters(windows).map((limiter) => ({ limiter, key: (request) => (this.#isFree(request) ? null : key(request)) }));
  }

  /** Gives the rules all writes to repositories share, by account; `points` says what a request costs. */
  writes<R extends LimitedRequest & { readonly auth: Caller }>(points: (request: R) => number): RateLimitRule<R>[] {
    return this.#writeLimiters.map((limiter) => ({ limiter, points, key: (request) => (this.#isFree(request) ? null : request.auth.account.did) }));
  }

  #limiters(windows: readonly LimitWindow[]): RateLimiter[] {
    return this.#isOn ? windows.map(([points, windowMs]) => new RateLimiter({ points, windowMs, clock: this.#clock })) : [];
  }

  #isFree({ ip, headers }: LimitedRequest): boolean {
    if (this.#bypassAddresses.has(ip)) return true;
    const shown = headers[bypassHeader];
    return this.#bypassKey !== null && typeof shown === 'string' && constantTimeEqual(utf8Encode(shown), utf8Encode(this.#bypassKey));
  }
}
