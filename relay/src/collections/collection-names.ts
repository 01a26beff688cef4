/**
 * The NSIDs of collections and their numbers, with how many accounts each has.
 * Not for who has them (members.ts). Place in the flow: asked for every operation of every accepted commit, so what was
 * met lately is in memory; the rest is on disk. Anybody may make up names, so their number is bounded.
 * Source: ours.
 */
import type { CollectionStore, StoredCollection } from './collection-store.ts';

/** A collection in memory. */
export interface CollectionName {
  readonly id: number;
  readonly nsid: string;
  accounts: number;
}

/** Bounds of the names. */
export interface NameBounds {
  /** Names in memory beside those that have changed. */
  readonly cached: number;
  /** Names in all. */
  readonly total: number;
}

/** Bounds unless told otherwise: some 16 MB of memory, some 100 MB of disk. */
export const defaultNameBounds: NameBounds = { cached: 65_536, total: 1_000_000 };

/** The names. */
export class CollectionNames {
  readonly #store: CollectionStore;
  readonly #bounds: NameBounds;
  /** In the order of their last use. */
  readonly #clean = new Map<string, CollectionName>();
  readonly #changed = new Map<string, CollectionName>();
  #count: number;
  #lastId: number;

  constructor(store: CollectionStore, bounds: NameBounds = defaultNameBounds) {
    this.#store = store;
    this.#bounds = bounds;
    const { count, lastId } = store.extent();
    this.#count = count;
    this.#lastId = lastId;
  }

  /** How many names there are, those that nobody has any more included until the next start. */
  get size(): number {
    return this.#count;
  }

  /** How many have changed since the last `taken`. */
  get changedCount(): number {
    return this.#changed.size;
  }

  /** Gives a collection that is known, or null. */
  find(nsid: string): CollectionName | null {
    const changed = this.#changed.get(nsid);
    if (changed) return changed;
    const clean = this.#clean.get(nsid);
    if (clean) {
      this.#clean.delete(nsid);
      this.#clean.set(nsid, clean);
      return clean;
    }
    const stored = this.#store.find(nsid);
    if (stored === null) return null;
    const name = { ...stored };
    this.#keep(name);
    return name;
  }

  /** Gives a collection, making it when it is new; null when there are too many. */
  intern(nsid: string): CollectionName | null {
    const known = this.find(nsid);
    if (known || this.#count >= this.#bounds.total) return known;
    const name = { id: ++this.#lastId, nsid, accounts: 0 };
    this.#count += 1;
    this.#changed.set(nsid, name);
    return name;
  }

  /** Counts accounts of a collection. */
  count(name: CollectionName, by: number): void {
    name.accounts += by;
    this.#clean.delete(name.nsid);
    this.#changed.set(name.nsid, name);
  }

  /** Gives the text of a number that `find` or `intern` gave some time. */
  nsid(id: number): string | null {
    for (const name of this.#changed.values()) if (name.id === id) return name.nsid;
    return this.#store.nsid(id);
  }

  /** What has changed; to be written before `written`. */
  changed(): Iterable<StoredCollection> {
    return this.#changed.values();
  }

  /** Says that what had changed is on disk. */
  written(): void {
    for (const name of this.#changed.values()) this.#keep(name);
    this.#changed.clear();
  }

  #keep(name: CollectionName): void {
    this.#clean.set(name.nsid, name);
    if (this.#clean.size <= this.#bounds.cached) return;
    for (const oldest of this.#clean.keys()) {
      this.#clean.delete(oldest);
      return;
    }
  }
}
