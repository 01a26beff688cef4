/**
 * Tree nodes of repositories by account and CID, in two tables: those an account wrote last stand together in one row, which its
 * next commit rewrites (`recent-nodes.ts`); those that settled have a row each. Both move in the transaction of the commit.
 * Memory knows the recent nodes of accounts that write (filled only with what is durable) and, for every account, contents of
 * settled nodes: bytes are what their CID says, but whether an account still has a node is asked of the tables.
 * Not here: commits (`head-store.ts`), records (`record-store.ts`). Source: ours.
 */
import { LRUCache } from 'lru-cache';
import { assert } from '@dunlin/protocol/base/assert';
import { growingCache } from '@dunlin/protocol/base/growing-cache';
import type { BlockSource } from '@dunlin/protocol/data/block-map';
import { cidByteLength, cidToBytes, type Cid } from '@dunlin/protocol/data/cid';
import type { NodeBlocks } from '@dunlin/protocol/mst/node';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import type { WriteGroup } from '../sequencer/group-commit.ts';
import { cidKeyAt, cidTagAt } from './cid-key.ts';
import { decodeRecent, encodeRecent, noNodes, recentLength, type RecentNode, type RecentNodes } from './recent-nodes.ts';

/** What an entry of the cache takes beside its bytes, in bytes, about. */
const entryBytes = 200;

/** Most accounts whose recent nodes are held in memory. */
const maxRecentAccounts = 2_000;

/** From this length on a row lets its older nodes settle, in bytes: a page of the database holds it. */
const settleBytes = 3_600;

/** A row longer than this lets all its nodes settle, in bytes. */
const maxRecentBytes = 16_384;

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
  readonly #contents: LRUCache<string, Uint8Array>;
  readonly #recent = growingCache<number, RecentNodes>(maxRecentAccounts);
  /** The newest change of an account that waits to be durable; only that one may enter memory. */
  readonly #pending = new Map<number, RecentNodes>();
  readonly #find: Statement<[number, number, Uint8Array], Buffer>;
  readonly #add: Statement<[number, number, Uint8Array, string, Uint8Array], unknown>;
  readonly #remove: Statement<[number, number, Uint8Array], unknown>;
  readonly #removeAll: Statement<[number], unknown>;
  readonly #removeSome: Statement<[number, number], unknown>;
  readonly #count: Statement<[number], number>;
  readonly #findRecent: Statement<[number], Buffer>;
  readonly #setRecent: Statement<[number, Uint8Array], unknown>;
  readonly #removeRecent: Statement<[number], unknown>;

  /** `cacheBytes` bounds the contents of settled nodes held in memory. */
  constructor(database: Database, { cacheBytes }: { cacheBytes: number }) {
    this.#contents = new LRUCache({ maxSize: cacheBytes, maxEntrySize: cacheBytes / 8, sizeCalculation: (bytes) => bytes.length + entryBytes });
    const which = 'account = ? AND tag = ? AND cid = ?';
    this.#find = database.prepare<[number, number, Uint8Array], Buffer>(`SELECT bytes FROM node WHERE ${which}`).pluck();
    this.#add = database.prepare('INSERT INTO node (account, tag, cid, rev, bytes) VALUES (?, ?, ?, ?, ?)');
    this.#remove = database.prepare(`DELETE FROM node WHERE ${which}`);
    this.#removeAll = database.prepare('DELETE FROM node WHERE account = ?');
    this.#removeSome = database.prepare('DELETE FROM node WHERE id IN (SELECT id FROM node WHERE account = ? LIMIT ?)');
    this.#count = database.prepare<[number], number>('SELECT count(*) FROM node WHERE account = ?').pluck();
    this.#findRecent = database.prepare<[number], Buffer>('SELECT nodes FROM recent_node WHERE account = ?').pluck();
    this.#setRecent = database.prepare('INSERT INTO recent_node (account, nodes) VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET nodes = excluded.nodes');
    this.#removeRecent = database.prepare('DELETE FROM recent_node WHERE account = ?');
  }

  /** Gives the node an account holds under a CID, or null. */
  find(accountId: number, cid: Cid): Uint8Array | null {
    const bytes = cidToBytes(cid);
    return this.#recentOf(accountId).get(cidKeyAt(bytes, 0))?.bytes ?? this.#find.get(accountId, cidTagAt(bytes, 0), bytes) ?? null;
  }

  /** Gives a reader of the nodes of one account's head, from memory where possible. */
  reader(accountId: number): NodeReader {
    const recent = this.#recentOf(accountId);
    const given = new Set<string>();
    const getBytes = (cidBytes: Uint8Array, offset = 0): Uint8Array | undefined => {
      const key = cidKeyAt(cidBytes, offset);
      given.add(key);
      return recent.get(key)?.bytes ?? this.#settled(accountId, key, cidBytes.subarray(offset, offset + cidByteLength));
    };
    return { getBytes, get: (cid) => getBytes(cidToBytes(cid)), hasGiven: (cid) => given.has(cidKeyAt(cidToBytes(cid), 0)) };
  }

  /** Changes the nodes of an account, within a transaction; with its group the result is remembered. Added ones must be new. */
  change(accountId: number, { rev, removed, added }: NodeChange, group: WriteGroup | null = null): void {
    const recent = new Map(this.#recentOf(accountId));
    for (const cid of removed) {
      const bytes = cidToBytes(cid);
      if (!recent.delete(cidKeyAt(bytes, 0))) this.#removeSettled(accountId, bytes);
    }
    const fresh = added.map(([cid, bytes]) => ({ cid: cidToBytes(cid), rev, bytes: owned(bytes) }));
    if (recent.size > 0 && recentLength(recent.values()) + recentLength(fresh) > settleBytes) this.#settle(accountId, recent);
    for (const node of fresh) recent.set(cidKeyAt(node.cid, 0), node);
    if (recentLength(recent.values()) > maxRecentBytes) this.#settle(accountId, recent);
    this.#setRecent.run(accountId, encodeRecent(recent));
    this.#rememberAfter(accountId, recent, group);
  }

  /** Removes everything an account holds. */
  removeAll(accountId: number): void {
    this.#recent.delete(accountId);
    this.#pending.delete(accountId);
    this.#removeRecent.run(accountId);
    this.#removeAll.run(accountId);
  }

  /** Removes up to so many settled nodes of an account; false when there was none left. */
  removeSome(accountId: number, rows: number): boolean {
    return this.#removeSome.run(accountId, rows).changes > 0;
  }

  /** How many nodes an account holds. */
  count(accountId: number): number {
    return this.#recentOf(accountId).size + (this.#count.get(accountId) ?? 0);
  }

  #recentOf(accountId: number): RecentNodes {
    const known = this.#recent.get(accountId);
    if (known !== undefined) return known;
    const row = this.#findRecent.get(accountId);
    return row === undefined ? noNodes : decodeRecent(row);
  }

  #settled(accountId: number, key: string, cid: Uint8Array): Uint8Array | undefined {
    const known = this.#contents.get(key);
    if (known !== undefined) return known;
    const bytes = this.#find.get(accountId, cidTagAt(cid, 0), cid);
    if (bytes !== undefined) this.#contents.set(key, bytes);
    return bytes;
  }

  #settle(accountId: number, recent: Map<string, RecentNode>): void {
    for (const { cid, rev, bytes } of recent.values()) this.#add.run(accountId, cidTagAt(cid, 0), cid, rev, bytes);
    recent.clear();
  }

  #removeSettled(accountId: number, cid: Uint8Array): void {
    const { changes } = this.#remove.run(accountId, cidTagAt(cid, 0), cid);
    assert(changes === 1, `tree node to be removed is not there once: account=${accountId} count=${changes}`);
  }

  #rememberAfter(accountId: number, recent: RecentNodes, group: WriteGroup | null): void {
    this.#recent.delete(accountId);
    this.#pending.delete(accountId);
    if (group === null) return;
    this.#pending.set(accountId, recent);
    group.afterCommit(() => {
      if (this.#pending.get(accountId) !== recent) return;
      this.#pending.delete(accountId);
      this.#recent.set(accountId, recent);
    });
  }
}

/** Gives bytes that keep nothing else in memory: a view would keep the whole buffer behind it. */
function owned(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
}
