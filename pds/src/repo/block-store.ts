/**
 * Blocks of repositories: commits, tree nodes and records by account and CID, with a cache of tree nodes in memory.
 * The cache knows contents, not existence: a block is what its CID says for every account, but whether an account still has it
 * is asked of the table (`find`). Reading for a write (`source`) trusts the head it starts from, so it may use the cache.
 * Not here: which blocks a commit brings and takes (`commit-store.ts`). Source: ours.
 */
import { LRUCache } from 'lru-cache';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import type { BlockSource } from '@dunlin/protocol/data/block-map';
import { cidToBytes, type Cid } from '@dunlin/protocol/data/cid';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { cidKey } from './cid-key.ts';

/** A block with the revision that brought it. */
export interface StoredBlock {
  readonly bytes: Uint8Array;
  readonly rev: string;
}

/** Blocks in the database. Every method is synchronous. */
export class BlockStore {
  readonly #cache: LRUCache<string, Uint8Array>;
  readonly #find: Statement<[number, Uint8Array], Buffer>;
  readonly #findWithRev: Statement<[number, Uint8Array], StoredBlock>;
  readonly #rev: Statement<[number, Uint8Array], string>;
  readonly #addNode: Statement<[number, Uint8Array, string, Uint8Array], unknown>;
  readonly #addRecord: Statement<[number, Uint8Array, string, Uint8Array], unknown>;
  readonly #release: Statement<[number, Uint8Array], unknown>;
  readonly #removeUnused: Statement<[number, Uint8Array], unknown>;
  readonly #remove: Statement<[number, Uint8Array], unknown>;
  readonly #removeAll: Statement<[number], unknown>;
  readonly #count: Statement<[number], number>;

  /** `cacheBytes` bounds the contents held in memory. */
  constructor(database: Database, { cacheBytes }: { cacheBytes: number }) {
    this.#cache = new LRUCache({ maxSize: cacheBytes, sizeCalculation: (bytes) => bytes.length + 200 });
    this.#find = database.prepare<[number, Uint8Array], Buffer>('SELECT bytes FROM block WHERE account = ? AND cid = ?').pluck();
    this.#findWithRev = database.prepare('SELECT bytes, rev FROM block WHERE account = ? AND cid = ?');
    this.#rev = database.prepare<[number, Uint8Array], string>('SELECT rev FROM block WHERE account = ? AND cid = ?').pluck();
    this.#addNode = database.prepare('INSERT INTO block (account, cid, rev, uses, bytes) VALUES (?, ?, ?, 1, ?) ON CONFLICT DO NOTHING');
    this.#addRecord = database.prepare(
      'INSERT INTO block (account, cid, rev, uses, bytes) VALUES (?, ?, ?, 1, ?) ON CONFLICT (account, cid) DO UPDATE SET uses = uses + 1',
    );
    this.#release = database.prepare('UPDATE block SET uses = uses - 1 WHERE account = ? AND cid = ?');
    this.#removeUnused = database.prepare('DELETE FROM block WHERE account = ? AND cid = ? AND uses <= 0');
    this.#remove = database.prepare('DELETE FROM block WHERE account = ? AND cid = ?');
    this.#removeAll = database.prepare('DELETE FROM block WHERE account = ?');
    this.#count = database.prepare<[number], number>('SELECT count(*) FROM block WHERE account = ?').pluck();
  }

  /** Gives the block an account holds under a CID, or null. */
  find(accountId: number, cid: Cid): Uint8Array | null {
    return this.#find.get(accountId, cidToBytes(cid)) ?? null;
  }

  /** Gives the block and the revision that brought it, or null. */
  findWithRev(accountId: number, cid: Cid): StoredBlock | null {
    return this.#findWithRev.get(accountId, cidToBytes(cid)) ?? null;
  }

  /** Gives the revision that brought a block, or null when the account does not hold it. */
  revOf(accountId: number, cid: Cid): string | null {
    return this.#rev.get(accountId, cidToBytes(cid)) ?? null;
  }

  /** Gives the tree nodes of one account's head, from memory where possible. */
  source(accountId: number): BlockSource {
    return {
      get: (cid) => {
        const key = cidKey(cid);
        const cached = this.#cache.get(key);
        if (cached !== undefined) return cached;
        const bytes = this.#find.get(accountId, cidToBytes(cid));
        if (bytes !== undefined) this.#cache.set(key, bytes);
        return bytes;
      },
    };
  }

  /** Adds a commit or a tree node; one that is there already stays as it is. */
  addNode(accountId: number, cid: Cid, rev: string, bytes: Uint8Array): void {
    this.#addNode.run(accountId, cidToBytes(cid), rev, bytes);
    if (bytes.length <= this.#cache.maxSize) this.#cache.set(cidKey(cid), bytes);
  }

  /** Adds a record, or counts one more key that names it. */
  addRecord(accountId: number, cid: Cid, rev: string, bytes: Uint8Array): void {
    this.#addRecord.run(accountId, cidToBytes(cid), rev, bytes);
  }

  /** Takes one key's use of a record away, and the block with the last one. */
  releaseRecord(accountId: number, cid: Cid): void {
    const bytes = cidToBytes(cid);
    if (this.#release.run(accountId, bytes).changes === 0) throw new ProtocolError('MissingBlock', `record block is missing: account=${accountId}`);
    this.#removeUnused.run(accountId, bytes);
  }

  /** Removes a commit or a tree node. */
  removeNode(accountId: number, cid: Cid): void {
    this.#remove.run(accountId, cidToBytes(cid));
  }

  /** Removes everything an account holds. */
  removeAll(accountId: number): void {
    this.#removeAll.run(accountId);
  }

  /** How many blocks an account holds. */
  count(accountId: number): number {
    return this.#count.get(accountId) ?? 0;
  }
}
