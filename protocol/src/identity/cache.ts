/**
 * Remembers look-ups: found, absent, or failed a moment ago. Bounded in entries and in bytes.
 * Not for running look-ups (see lookup) and not for sharing between processes.
 * A value is fresh, then stale (usable while it is looked up anew), then gone. Time is monotonic, not the wall clock.
 * Source: ours; the ages follow the reference PDS (1 h and 24 h).
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../base/clock.ts';
import type { ProtocolError } from '../base/errors.ts';

/** How long what is known may be used. */
export interface CacheAges {
  /** Until here a found value is given as it is. */
  readonly freshMs: number;
  /** Until here a found value is given while it is looked up anew; beyond it is gone. */
  readonly staleMs: number;
  /** How long "there is none" is believed. */
  readonly absentMs: number;
  /** How long a failed look-up is not tried again. */
  readonly faultMs: number;
}

/** What is known about a key now. */
export type Known<T> = { readonly ageMs: number } & (
  | { readonly state: 'fresh' | 'stale'; readonly value: T }
  | { readonly state: 'absent' }
  | { readonly state: 'fault'; readonly error: ProtocolError });

interface Entry<T> {
  readonly outcome: { readonly value: T | null } | { readonly error: ProtocolError };
  readonly atMs: number;
  retryAtMs: number;
}

/** Size of an entry beside its value, in bytes. Ours: key, numbers and the links of the list. */
const entryOverheadBytes = 200;

/** A bounded cache of look-ups; the least recently used entry goes first. */
export class LookupCache<T> {
  readonly #clock: Clock;
  readonly #ages: CacheAges;
  readonly #sizeOf: (value: T) => number;
  readonly #maxEntries: number;
  readonly #entries: LRUCache<string, Entry<T>>;

  constructor(o: { clock: Clock; ages: CacheAges; maxEntries: number; maxBytes: number; sizeOf: (value: T) => number }) {
    this.#clock = o.clock;
    this.#ages = o.ages;
    this.#sizeOf = o.sizeOf;
    this.#maxEntries = o.maxEntries;
    // Without `max` it grows with what is in it; see growing-cache.ts.
    this.#entries = new LRUCache({ maxSize: o.maxBytes });
  }

  /** How many keys are known. */
  get size(): number {
    return this.#entries.size;
  }

  /** How many bytes they are reckoned to take. */
  get byteLength(): number {
    return this.#entries.calculatedSize;
  }

  /** Gives what is known, undefined when nothing is or it has grown too old. */
  get(key: string): Known<T> | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    const ageMs = this.#clock.elapsedMs() - entry.atMs;
    if ('error' in entry.outcome) return ageMs < this.#ages.faultMs ? { state: 'fault', error: entry.outcome.error, ageMs } : undefined;
    const { value } = entry.outcome;
    if (value === null) return ageMs < this.#ages.absentMs ? { state: 'absent', ageMs } : undefined;
    if (ageMs < this.#ages.freshMs) return { state: 'fresh', value, ageMs };
    return ageMs < this.#ages.staleMs ? { state: 'stale', value, ageMs } : undefined;
  }

  /** Tells whether a stale value may be looked up anew, which is not so right after a failure. */
  mayRetry(key: string): boolean {
    const entry = this.#entries.peek(key);
    return !entry || this.#clock.elapsedMs() >= entry.retryAtMs;
  }

  /** Remembers a value, or with null that there is none. */
  set(key: string, value: T | null): void {
    const size = entryOverheadBytes + key.length * 2 + (value === null ? 0 : this.#sizeOf(value));
    this.#keep(key, { outcome: { value }, atMs: this.#clock.elapsedMs(), retryAtMs: 0 }, size);
  }

  /** Remembers a failure; a value that is still usable stays and is only not looked up again for a moment. */
  fail(key: string, error: ProtocolError): void {
    const atMs = this.#clock.elapsedMs();
    const known = this.get(key);
    const entry = this.#entries.peek(key);
    if (entry && known && known.state !== 'fault') {
      entry.retryAtMs = atMs + this.#ages.faultMs;
      return;
    }
    this.#keep(key, { outcome: { error }, atMs, retryAtMs: 0 }, entryOverheadBytes + key.length * 2 + 500);
  }

  /** Forgets a key. */
  delete(key: string): void {
    this.#entries.delete(key);
  }

  #keep(key: string, entry: Entry<T>, size: number): void {
    this.#entries.set(key, entry, { size });
    if (this.#entries.size > this.#maxEntries) this.#entries.pop();
  }
}
