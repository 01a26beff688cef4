/**
 * Heads of repositories: the newest commit of each account, its tree root and its revision, also kept in memory.
 * Memory is filled only with what is durable (`remember`, after the commit); a change empties the entry first, so that a later
 * write of the same group reads what the transaction holds. Source: ours.
 */
import { LRUCache } from 'lru-cache';
import { cidFromBytes, cidToBytes } from '@dunlin/protocol/data/cid';
import type { RepoHead } from '@dunlin/protocol/repo/apply';
import type { Database, Statement } from '@dunlin/service/sqlite/database';

/** Most heads held in memory. */
const maxCachedHeads = 10_000;

/** Heads in the database. Every method is synchronous. */
export class HeadStore {
  readonly #cache = new LRUCache<number, RepoHead>({ max: maxCachedHeads });
  readonly #find: Statement<[number], { head: Buffer; data: Buffer; rev: string }>;
  readonly #set: Statement<[number, Uint8Array, Uint8Array, string], unknown>;
  readonly #remove: Statement<[number], unknown>;

  constructor(database: Database) {
    this.#find = database.prepare('SELECT head, data, rev FROM repo WHERE account = ?');
    this.#set = database.prepare(
      `INSERT INTO repo (account, head, data, rev) VALUES (?, ?, ?, ?)
       ON CONFLICT (account) DO UPDATE SET head = excluded.head, data = excluded.data, rev = excluded.rev`,
    );
    this.#remove = database.prepare('DELETE FROM repo WHERE account = ?');
  }

  /** Gives the head of an account's repository, or null when it has none. */
  find(accountId: number): RepoHead | null {
    const cached = this.#cache.get(accountId);
    if (cached !== undefined) return cached;
    const row = this.#find.get(accountId);
    return row ? { cid: cidFromBytes(row.head), data: cidFromBytes(row.data), rev: row.rev } : null;
  }

  /** Writes a new head within a transaction. */
  set(accountId: number, head: RepoHead): void {
    this.#cache.delete(accountId);
    this.#set.run(accountId, cidToBytes(head.cid), cidToBytes(head.data), head.rev);
  }

  /** Keeps a head in memory, once it is durable. */
  remember(accountId: number, head: RepoHead): void {
    this.#cache.set(accountId, head);
  }

  /** Removes the head within a transaction. */
  remove(accountId: number): void {
    this.#cache.delete(accountId);
    this.#remove.run(accountId);
  }
}
