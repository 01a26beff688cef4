/**
 * The collection index on disk: reads single sets as they are wanted, writes what has changed in one transaction.
 * Not for deciding what changes (collection-index.ts) nor for keeping anything in memory (members.ts, collection-names.ts).
 * Place in the flow: beside accounts.sqlite, recovered from the log's tail like it.
 * Source: ours. SQLite's synchronous is NORMAL: after a power cut an older transaction is the last one, whole.
 */
import { openDatabase } from '@dunlin/service/sqlite/database';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { collectionMigrations } from './schema.ts';

/** A collection as it is stored. */
export interface StoredCollection {
  readonly id: number;
  readonly nsid: string;
  readonly accounts: number;
}

/** Everything that has changed since the last transaction. */
export interface CollectionChanges {
  readonly collections: Iterable<StoredCollection>;
  /** An empty set is removed. */
  readonly sets: Iterable<{ readonly collection: number; readonly block: number; readonly rows: Uint8Array }>;
  readonly standings: Iterable<{ readonly block: number; readonly rows: Uint8Array }>;
  readonly appliedSeq: number;
  /** No row from here on is contained. */
  readonly rows: number;
}

/** How far a store got. */
export interface Progress {
  readonly appliedSeq: number;
  readonly rows: number;
}

/** The store. */
export class CollectionStore {
  readonly #database: Database;
  readonly #find: Statement<[string], StoredCollection>;
  readonly #set: Statement<[number, number], { rows: Buffer }>;
  readonly #nextBlock: Statement<[number, number], { block: number }>;
  readonly #write: (changes: CollectionChanges) => void;

  constructor(path: string) {
    this.#database = openDatabase(path, { migrations: collectionMigrations, pragmas: { synchronous: 'NORMAL' } });
    // Names nobody has any more; nothing refers to them, and nothing in memory knows them yet.
    this.#database.exec('DELETE FROM collection WHERE accounts = 0');
    this.#find = this.#database.prepare('SELECT id, nsid, accounts FROM collection WHERE nsid = ?');
    this.#set = this.#database.prepare('SELECT rows FROM member WHERE collection = ? AND block = ?');
    this.#nextBlock = this.#database.prepare('SELECT block FROM member WHERE collection = ? AND block >= ? ORDER BY block LIMIT 1');
    this.#write = this.#prepareWrite();
  }

  /** Null for a new store. */
  progress(): Progress | null {
    return this.#database.prepare<[], Progress>('SELECT applied_seq AS appliedSeq, rows FROM progress').get() ?? null;
  }

  /** Gives how many collections there are and the highest number one has. */
  extent(): { readonly count: number; readonly lastId: number } {
    const row = this.#database.prepare<[], { count: number; last: number | null }>('SELECT count(*) AS count, max(id) AS last FROM collection').get();
    return { count: row?.count ?? 0, lastId: row?.last ?? 0 };
  }

  find(nsid: string): StoredCollection | null {
    return this.#find.get(nsid) ?? null;
  }

  /** Collections behind an NSID in the order of their text, as of the last transaction; those below a prefix when one is given. */
  page(after: string, limit: number, prefix = ''): StoredCollection[] {
    return this.#database.prepare<[string, string, string, number], StoredCollection>(`
      SELECT id, nsid, accounts FROM collection WHERE nsid > ? AND nsid >= ? AND nsid < ? AND accounts > 0 ORDER BY nsid LIMIT ?
    `).all(after, prefix, `${prefix}\u{10ffff}`, limit);
  }

  /** Gives the rows of a collection in a block; the caller's own copy, or null. */
  set(collection: number, block: number): Uint8Array | null {
    const stored = this.#set.get(collection, block);
    return stored ? Uint8Array.from(stored.rows) : null;
  }

  /** Gives the first block from `block` on in which a collection has rows, or −1. */
  nextBlock(collection: number, block: number): number {
    return this.#nextBlock.get(collection, block)?.block ?? -1;
  }

  /** Gives the numbers of the collections that have rows in a block. */
  collectionsIn(block: number): number[] {
    return this.#database.prepare<[number], { collection: number }>('SELECT collection FROM member WHERE block = ?').all(block).map((row) => row.collection);
  }

  /** Gives the blocks from `block` on in which any collection has rows. */
  blocksFrom(block: number): number[] {
    return this.#database.prepare<[number], { block: number }>('SELECT DISTINCT block FROM member WHERE block >= ? ORDER BY block').all(block).map((row) => row.block);
  }

  nsid(collection: number): string | null {
    return this.#database.prepare<[number], { nsid: string }>('SELECT nsid FROM collection WHERE id = ?').get(collection)?.nsid ?? null;
  }

  standings(): IterableIterator<{ readonly block: number; readonly rows: Buffer }> {
    return this.#database.prepare<[], { block: number; rows: Buffer }>('SELECT block, rows FROM standing').iterate();
  }

  /** Writes all of the changes or none. */
  write(changes: CollectionChanges): void {
    this.#write(changes);
  }

  close(): void {
    this.#database.close();
  }

  #prepareWrite(): (changes: CollectionChanges) => void {
    const collection = this.#database.prepare<[number, string, number]>('INSERT OR REPLACE INTO collection VALUES (?, ?, ?)');
    const set = this.#database.prepare<[number, number, Uint8Array]>('INSERT OR REPLACE INTO member VALUES (?, ?, ?)');
    const remove = this.#database.prepare<[number, number]>('DELETE FROM member WHERE collection = ? AND block = ?');
    const standing = this.#database.prepare<[number, Uint8Array]>('INSERT OR REPLACE INTO standing VALUES (?, ?)');
    const progress = this.#database.prepare<[number, number]>('INSERT OR REPLACE INTO progress VALUES (1, ?, ?)');
    return this.#database.transaction((changes: CollectionChanges) => {
      for (const { id, nsid, accounts } of changes.collections) collection.run(id, nsid, accounts);
      for (const { collection: id, block, rows } of changes.sets) {
        if (rows.length > 0) set.run(id, block, rows);
        else remove.run(id, block);
      }
      for (const { block, rows } of changes.standings) standing.run(block, rows);
      progress.run(changes.appliedSeq, changes.rows);
    });
  }
}
