/**
 * A look-up with a memory: many askers, one request (single flight), over a bounded cache.
 * Not for deciding when to refresh: that, and how often, is the caller's affair.
 * Takes: a key. Gives: value, null (there is none) or the fault. An asker's signal ends only that asker's waiting.
 * Source: ours.
 */
import type { Clock } from '../base/clock.ts';
import { ProtocolError } from '../base/errors.ts';
import { LookupCache, type CacheAges, type Known } from './cache.ts';

/** What a Lookup is made of. */
export interface LookupOptions<T> {
  /** Finds the value; null means there is none; throws ProtocolError IdentityUnavailable when it cannot tell. */
  readonly find: (key: string) => Promise<T | null>;
  readonly sizeOf: (value: T) => number;
  readonly clock: Clock;
  readonly ages: CacheAges;
  readonly maxEntries: number;
  readonly maxBytes: number;
  /** Most look-ups under way at once, for each kind of key; beyond it a new key fails at once. */
  readonly maxFlights: number;
  /** Kinds of keys that must not wait for one another; few and fixed. Default: all are of one. */
  readonly kindOf?: (key: string) => string;
}

/** How one asker asks. */
export interface LookupRequest {
  /** True passes by what is remembered; joins only a look-up that was itself a refresh. */
  readonly refresh?: boolean | undefined;
  /** What is remembered for longer than this does not count. */
  readonly maxAgeMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

interface FlightMark {
  /** A newer look-up or a `put` knows better: this one's outcome is not remembered. */
  isSuperseded: boolean;
}

interface Flight<T> {
  readonly promise: Promise<T | null>;
  readonly isRefresh: boolean;
  readonly mark: FlightMark;
}

/** Looks keys up once for everyone who asks at the same time, and remembers. */
export class Lookup<T> {
  readonly #o: LookupOptions<T>;
  readonly #cache: LookupCache<T>;
  readonly #flights = new Map<string, Flight<T>>();
  /** Look-ups under way, by kind. */
  readonly #underWay = new Map<string, number>();

  constructor(options: LookupOptions<T>) {
    this.#o = options;
    this.#cache = new LookupCache(options);
  }

  /** How many keys are remembered, found or not. */
  get size(): number {
    return this.#cache.size;
  }

  /**
   * Gives the value of a key, null when there is none.
   * A stale value is given at once and looked up anew behind the asker's back.
   * @throws ProtocolError IdentityUnavailable when it cannot be told; the reason of `signal` when that aborts
   */
  async get(key: string, request: LookupRequest = {}): Promise<T | null> {
    request.signal?.throwIfAborted();
    if (!request.refresh) {
      const known = this.#recall(key, request.maxAgeMs);
      if (known?.state === 'fault') throw known.error;
      if (known?.state === 'stale') this.#refreshBehind(key);
      if (known) return known.state === 'absent' ? null : known.value;
    }
    return waitFor(this.#join(key, request.refresh === true).promise, request.signal);
  }

  /** Remembers a value that is known from elsewhere; look-ups under way no longer count. */
  put(key: string, value: T): void {
    this.#supersede(key);
    this.#cache.set(key, value);
  }

  /** Forgets a key; look-ups under way no longer count. */
  invalidate(key: string): void {
    this.#supersede(key);
    this.#cache.delete(key);
  }

  #recall(key: string, maxAgeMs = Number.POSITIVE_INFINITY): Known<T> | undefined {
    const known = this.#cache.get(key);
    return known && known.ageMs <= maxAgeMs ? known : undefined;
  }

  #refreshBehind(key: string): void {
    if (this.#flights.has(key) || !this.#cache.mayRetry(key) || !this.#hasRoom(key)) return;
    this.#join(key, true).promise.catch(() => undefined);
  }

  #hasRoom(key: string): boolean {
    return (this.#underWay.get(this.#kindOf(key)) ?? 0) < this.#o.maxFlights;
  }

  #count(key: string, by: number): void {
    const kind = this.#kindOf(key);
    this.#underWay.set(kind, (this.#underWay.get(kind) ?? 0) + by);
  }

  #kindOf(key: string): string {
    return this.#o.kindOf?.(key) ?? '';
  }

  #supersede(key: string): void {
    const flight = this.#flights.get(key);
    if (!flight) return;
    flight.mark.isSuperseded = true;
    this.#flights.delete(key);
  }

  #join(key: string, isRefresh: boolean): Flight<T> {
    const running = this.#flights.get(key);
    if (running && (running.isRefresh || !isRefresh)) return running;
    if (!this.#hasRoom(key)) {
      throw new ProtocolError('IdentityUnavailable', `too many look-ups under way: max=${this.#o.maxFlights}`);
    }
    this.#supersede(key);
    const mark: FlightMark = { isSuperseded: false };
    const flight: Flight<T> = { promise: this.#fly(key, mark), isRefresh, mark };
    this.#flights.set(key, flight);
    return flight;
  }

  async #fly(key: string, mark: FlightMark): Promise<T | null> {
    this.#count(key, 1);
    try {
      // Never settles in the same turn: the flight is on the board before its outcome is.
      const value = await Promise.resolve(key).then(this.#o.find);
      if (!mark.isSuperseded) this.#cache.set(key, value);
      return value;
    } catch (error) {
      if (!mark.isSuperseded && error instanceof ProtocolError) this.#cache.fail(key, error);
      throw error;
    } finally {
      this.#count(key, -1);
      if (this.#flights.get(key)?.mark === mark) this.#flights.delete(key);
    }
  }
}

function waitFor<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
