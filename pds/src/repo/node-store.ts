/**
 * Tree nodes of repositories by account and CID, with a cache of their bytes in memory.
 * The cache knows contents, not existence: bytes are what their CID says for every account, but whether an account still has a
 * node is asked of the table (`find`). Reading for a write (`source`) trusts the head it starts from, so it may use the cache.
 * Not here: commits (`head-store.ts`), records (`record-store.ts`). Source: ours.
 */
import { LRUCache } from 'lru-cache';
import { assert } from '@dunlin/protocol/base/assert';
import type { BlockSource } from '@dunlin/protocol/data/block-map';
import { cidByteLength, cidToBytes, type Cid } from '@dunlin/protocol/data/cid';
import type { NodeBlocks } from '@dunlin/protocol/mst/node';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { cidKeyAt, cidTagAt } from './cid-key.ts';

/** What an entry of the cache takes beside its bytes, in bytes, about. */
const entryBytes = 200;

/** Reads nodes, and remembers which. */
export interface NodeReader extends BlockSource, NodeBlocks {
  hasGiven(cid: Cid): boolean;
}

/** What a commit changes among the nodes of an account. */
export interface NodeChange {
  readonly rev: string;
  readonly removed: readonly Cid[];
  readonly added: readonly (readonly [Cid, Uint8Array])[];
}

/** Tree nodes in the database. Every method is synchronous. */
export class NodeStore {
  readonly #cache: LRUCache<string, Uint8Array>;
  readonly #find: Statement<[number, number, Uint8Array], Buffer>;
  readonly #add: Statement<[number, number, Uint8Array, string, Uint8Array], unknown>;
  readonly #replace: Statement<[number, Uint8Array, string, Uint8Array, number, number, Uint8Array], unknown>;
  readonly #remove: Statement<[number, number, Uint8Array], unknown>;
  readonly #removeAll: Statement<[number], unknown>;
  readonly #count: Statement<[number], number>;

  /** `cacheBytes` bounds the contents held in memory. */
  constructor(database: Database, { cacheBytes }: { cacheBytes: number }) {
    this.#cache = new LRUCache({ maxSize: cacheBytes, maxEntrySize: cacheBytes / 8, sizeCalculation: (bytes) => bytes.length + entryBytes });
    const which = 'account = ? AND tag = ? AND cid = ?';
    this.#find = database.prepare<[number, number, Uint8Array], Buffer>(`SELECT bytes FROM node WHERE ${which}`).pluck();
    this.#add = database.prepare('INSERT INTO node (account, tag, cid, rev, bytes) VALUES (?, ?, ?, ?, ?)');
    this.#replace = database.prepare(`UPDATE node SET tag = ?, cid = ?, rev = ?, bytes = ? WHERE ${which}`);
    this.#remove = database.prepare(`DELETE FROM node WHERE ${which}`);
    this.#removeAll = database.prepare('DELETE FROM node WHERE account = ?');
    this.#count = database.prepare<[number], number>('SELECT count(*) FROM node WHERE account = ?').pluck();
  }

  /** Gives the node an account holds under a CID, or null. */
  find(accountId: number, cid: Cid): Uint8Array | null {
    return this.#findBytes(accountId, cidToBytes(cid)) ?? null;
  }

  /** Gives a reader of the nodes of one account's head, from memory where possible. */
  reader(accountId: number): NodeReader {
    const given = new Set<string>();
    const getBytes = (cidBytes: Uint8Array, offset = 0): Uint8Array | undefined => {
      const key = cidKeyAt(cidBytes, offset);
      let bytes = this.#cache.get(key);
      if (bytes === undefined) {
        bytes = this.#findBytes(accountId, cidBytes.subarray(offset, offset + cidByteLength));
        if (bytes !== undefined) this.#cache.set(key, bytes);
      }
      given.add(key);
      return bytes;
    };
    return { getBytes, get: (cid) => getBytes(cidToBytes(cid)), hasGiven: (cid) => given.has(cidKeyAt(cidToBytes(cid), 0)) };
  }

  /** Changes the nodes of an account: each new one takes over the row of an old one while there are any. Added ones must be new. */
  change(accountId: number, { rev, removed, added }: NodeChange): void {
    for (let index = 0; index < Math.max(removed.length, added.length); index++) {
      const old = removed[index];
      const fresh = added[index];
      if (fresh === undefined) this.#removeRow(accountId, old);
      else this.#putRow(accountId, rev, fresh, old);
    }
  }

  #putRow(accountId: number, rev: string, [cid, bytes]: readonly [Cid, Uint8Array], old: Cid | undefined): void {
    const cidBytes = cidToBytes(cid);
    const tag = cidTagAt(cidBytes, 0);
    if (old === undefined) this.#add.run(accountId, tag, cidBytes, rev, bytes);
    else {
      const oldBytes = cidToBytes(old);
      const { changes } = this.#replace.run(tag, cidBytes, rev, bytes, accountId, cidTagAt(oldBytes, 0), oldBytes);
      assert(changes === 1, `tree node to be replaced is not there once: account=${accountId} count=${changes}`);
      this.#cache.delete(cidKeyAt(oldBytes, 0));
    }
    // A view would keep the whole buffer behind it in memory.
    this.#cache.set(cidKeyAt(cidBytes, 0), bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice());
  }

  #removeRow(accountId: number, old: Cid | undefined): void {
    if (old === undefined) return;
    const bytes = cidToBytes(old);
    this.#remove.run(accountId, cidTagAt(bytes, 0), bytes);
    this.#cache.delete(cidKeyAt(bytes, 0));
  }

  /** Removes everything an account holds. */
  removeAll(accountId: number): void {
    this.#removeAll.run(accountId);
  }

  /** How many nodes an account holds. */
  count(accountId: number): number {
    return this.#count.get(accountId) ?? 0;
  }

  #findBytes(accountId: number, cid: Uint8Array): Buffer | undefined {
    return this.#find.get(accountId, cidTagAt(cid, 0), cid);
  }
}
