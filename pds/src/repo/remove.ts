/**
 * Removes a repository: at once with its account, or bit by bit before another takes its place.
 * Not for single records, which are written away (`write.ts`), and not for its blobs (`blob/`).
 * Source: ours.
 */
import type { AccountRows } from '../account/account-rows.ts';
import type { HeadStore } from './head-store.ts';
import type { NodeStore } from './node-store.ts';
import type { RecordStore } from './record-store.ts';

/** Removes repositories of this server. */
export class RepoRemoval implements AccountRows {
  readonly #heads: HeadStore;
  readonly #nodes: NodeStore;
  readonly #records: RecordStore;

  constructor(heads: HeadStore, nodes: NodeStore, records: RecordStore) {
    this.#heads = heads;
    this.#nodes = nodes;
    this.#records = records;
  }

  /** Removes a repository with everything in it, within a transaction. */
  removeAll(accountId: number): void {
    this.#heads.remove(accountId);
    this.#nodes.removeAll(accountId);
    this.#records.removeAll(accountId);
  }

  /** Removes the head of a repository, so that it is none any more, and some of what is in it, within a transaction; false when that was all. */
  removeSome(accountId: number, rows: number): boolean {
    this.#heads.remove(accountId);
    const hadNodes = this.#nodes.removeSome(accountId, rows);
    return this.#records.removeSome(accountId, rows) || hadNodes;
  }
}
