/**
 * Heads of repositories: the newest commit of each account with its block, its tree root and its revision, also kept in memory.
 * Memory is filled only with what is durable (`remember`, after the commit); a change empties the entry first, so that a later
 * write of the same group reads what the transaction holds. Source: ours.
 */
import { growingCache } from '@dunlin/protocol/base/growing-cache';
import { cidFromBytes, cidToBytes } from '@dunlin/protocol/data/cid';
import type { RepoHead } from '@dunlin/protocol/repo/apply';
import type { Database, Statement } from '@dunlin/service/sqlite/database';

/** Most heads held in memory. */
const maxCachedHeads = 10_000;

/** Heads in the database. Every method is synchronous. */
export class HeadStore {
  readonly #cache = growingCache<number, RepoHead>(maxCachedHeads);
  readonly #find: Statement<[number], { head: Buffer; data: Buffer; rev: string }>;
  readonly #commit: Statement<[number], Buffer>;
  readonly #set: Statement<[number, Uint8Array, Uint8Array, string, Uint8Array], unknown>;
  readonly #remove: Statement<[number], unknown>;

  constructor(database: Database) {
    this.#find = database.prepare('SELECT head, data, rev FROM repo WHERE account = ?');
    this.#commit = database.prepare<[number], Buffer>('SELECT commit_bytes FROM repo WHERE account = ?').pluck();
    this.#set = database.prepare(
      `INSERT INTO repo (account, head, data, rev, commit_bytes) VALUES (?, ?, ?, ?, ?) ON CONFLICT (account) DO UPDATE
       SET head = excluded.head, data = excluded.data, rev = excluded.rev, commit_bytes = excluded.commit_bytes`,
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

  /** Gives the block of the newest commit, or null when the account has none. */
  commitBytes(accountId: number): Uint8Array | null {
    return this.#commit.get(accountId) ?? null;
  }

  /** Writes a new head with its commit block, within a transaction. */
  set(accountId: number, head: RepoHead, commitBytes: Uint8Array): void {
    this.#cache.delete(accountId);
    this.#set.run(accountId, cidToBytes(head.cid), cidToBytes(head.data), head.rev, commitBytes);
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
