/**
 * Who is in which collection: sets of account rows, read from disk when asked for and kept while there is room.
 * Not for names and counts (collection-names.ts) nor for how sure one is (standings.ts).
 * Place in the flow: one question for each operation of an accepted commit, nearly always answered from memory.
 * Source: ours. What has changed stays in memory until it is written; the rest is bounded in bytes.
 */
import type { CollectionStore } from './collection-store.ts';
import { emptySet, hasRow, rowsFrom, rowsPerSet, withRow, withoutRow } from './row-set.ts';

/** More blocks than there can be account rows in memory. */
const maxBlocks = 1_048_576;
/** What a set costs beside its bytes: map entry, key, array header. */
const setOverheadBytes = 160;

interface ChangedSet {
  readonly collection: number;
  readonly block: number;
  readonly rows: Uint8Array;
}

/** The sets. */
export class Members {
  readonly #store: CollectionStore;
  readonly #cacheBytes: number;
  /** By collection and block, in the order of their last use. */
  readonly #clean = new Map<number, Uint8Array>();
  readonly #changed = new Map<number, Uint8Array>();
  #cleanBytes = 0;

  constructor(store: CollectionStore, cacheBytes: number) {
    this.#store = store;
    this.#cacheBytes = cacheBytes;
  }

  /** Bytes of sets in memory, about. */
  get byteLength(): number {
    return this.#cleanBytes + this.#changed.size * (setOverheadBytes + rowsPerSet / 16);
  }

  /** How many sets have changed since the last `written`. */
  get changedCount(): number {
    return this.#changed.size;
  }

  has(collection: number, row: number): boolean {
    return hasRow(this.#set(keyOf(collection, row)), row % rowsPerSet);
  }

  /** Puts a row in; false when it is there. */
  add(collection: number, row: number): boolean {
    const key = keyOf(collection, row);
    const set = this.#set(key);
    if (hasRow(set, row % rowsPerSet)) return false;
    this.#change(key, withRow(set, row % rowsPerSet));
    return true;
  }

  /** Takes a row out; false when it is not there. */
  remove(collection: number, row: number): boolean {
    const key = keyOf(collection, row);
    const set = this.#set(key);
    if (!hasRow(set, row % rowsPerSet)) return false;
    this.#change(key, withoutRow(set, row % rowsPerSet));
    return true;
  }

  /** Gives the rows of a collection from one on, ascending, a block at a time. Not to be changed meanwhile. */
  *rowsFrom(collection: number, row: number): Generator<number> {
    let from = row % rowsPerSet;
    for (let block = Math.floor(row / rowsPerSet); ; block++) {
      block = this.#nextBlock(collection, block);
      if (block < 0) return;
      if (block > Math.floor(row / rowsPerSet)) from = 0;
      for (const found of rowsFrom(this.#set(collection * maxBlocks + block), from)) yield block * rowsPerSet + found;
    }
  }

  /** Gives the numbers of the collections that a row is in; reads every set of its block. */
  collectionsOf(row: number): number[] {
    const block = Math.floor(row / rowsPerSet);
    return this.collectionsIn(block).filter((collection) => this.has(collection, row));
  }

  /** Gives the numbers of the collections that may have rows in a block. */
  collectionsIn(block: number): number[] {
    const collections = new Set(this.#store.collectionsIn(block));
    for (const key of this.#changed.keys()) if (key % maxBlocks === block) collections.add(Math.floor(key / maxBlocks));
    return [...collections];
  }

  /** What has changed; to be written before `written`. */
  *changed(): Generator<ChangedSet> {
    for (const [key, rows] of this.#changed) yield { collection: Math.floor(key / maxBlocks), block: key % maxBlocks, rows };
  }

  /** Says that what had changed is on disk. */
  written(): void {
    for (const [key, rows] of this.#changed) this.#keep(key, rows);
    this.#changed.clear();
  }

  #set(key: number): Uint8Array {
    const changed = this.#changed.get(key);
    if (changed) return changed;
    const clean = this.#clean.get(key);
    if (clean) {
      this.#clean.delete(key);
      this.#clean.set(key, clean);
      return clean;
    }
    const stored = this.#store.set(Math.floor(key / maxBlocks), key % maxBlocks) ?? emptySet;
    this.#keep(key, stored);
    return stored;
  }

  #change(key: number, rows: Uint8Array): void {
    const clean = this.#clean.get(key);
    if (clean) this.#forget(key, clean);
    this.#changed.set(key, rows);
  }

  #keep(key: number, rows: Uint8Array): void {
    this.#clean.set(key, rows);
    this.#cleanBytes += rows.length + setOverheadBytes;
    for (const [oldest, set] of this.#clean) {
      if (this.#cleanBytes <= this.#cacheBytes) return;
      this.#forget(oldest, set);
    }
  }

  #forget(key: number, set: Uint8Array): void {
    this.#clean.delete(key);
    this.#cleanBytes -= set.length + setOverheadBytes;
  }

  /** Of what is stored and what has changed; a changed set may be empty, which does no harm. */
  #nextBlock(collection: number, from: number): number {
    let next = this.#store.nextBlock(collection, from);
    for (const key of this.#changed.keys()) {
      const block = key % maxBlocks;
      if (Math.floor(key / maxBlocks) === collection && block >= from && (next < 0 || block < next)) next = block;
    }
    return next;
  }
}

function keyOf(collection: number, row: number): number {
  return collection * maxBlocks + Math.floor(row / rowsPerSet);
}
