/**
 * Reads a repository: where it stands, its commit block, single blocks, proofs.
 * On the one connection, synchronously; whole exports have a snapshot of their own (`export.ts`).
 * Not here: whether the account is served (`api/`). Source: lexicons com.atproto.sync.*.
 */
import { assert } from '@dunlin/protocol/base/assert';
import { cidFromBytes, type Cid } from '@dunlin/protocol/data/cid';
import { recordProof } from '@dunlin/protocol/mst/proof';
import type { RepoHead } from '@dunlin/protocol/repo/apply';
import type { BlockStore } from './block-store.ts';
import type { HeadStore } from './head-store.ts';
import type { RecordPlace } from './record-path.ts';
import type { RecordStore } from './record-store.ts';

/** A commit as it is stored. */
export interface StoredCommit {
  readonly cid: Cid;
  readonly rev: string;
  readonly bytes: Uint8Array;
}

/** Reads repositories of this server. */
export class RepoReader {
  readonly #heads: HeadStore;
  readonly #blocks: BlockStore;
  readonly #records: RecordStore;

  constructor(heads: HeadStore, blocks: BlockStore, records: RecordStore) {
    this.#heads = heads;
    this.#blocks = blocks;
    this.#records = records;
  }

  /** Gives where a repository stands, or null when the account has none. */
  head(accountId: number): RepoHead | null {
    return this.#heads.find(accountId);
  }

  /** Gives the newest commit with its block, or null when the account has none. */
  commit(accountId: number): StoredCommit | null {
    const head = this.#heads.find(accountId);
    if (head === null) return null;
    const bytes = this.#blocks.find(accountId, head.cid);
    assert(bytes !== null, `commit block is missing: account=${accountId}`);
    return { cid: head.cid, rev: head.rev, bytes };
  }

  /** Gives a block the account holds, or null. */
  block(accountId: number, cid: Cid): Uint8Array | null {
    return this.#blocks.find(accountId, cid);
  }

  /** Gives the blocks that prove what stands at a record's place, be it nothing: commit, tree nodes, the record. */
  proof(accountId: number, place: RecordPlace): { root: Cid; blocks: [Cid, Uint8Array][] } | null {
    const head = this.#heads.find(accountId);
    const commit = this.commit(accountId);
    if (head === null || commit === null) return null;
    const source = { get: (cid: Cid) => this.#blocks.find(accountId, cid) ?? undefined };
    const blocks: [Cid, Uint8Array][] = [[commit.cid, commit.bytes], ...recordProof(source, head.data, `${place.collection}/${place.rkey}`)];
    const recordCid = this.#records.cidOf(accountId, place.collection, place.rkey);
    if (recordCid !== null) {
      const cid = cidFromBytes(recordCid);
      const bytes = this.#blocks.find(accountId, cid);
      assert(bytes !== null, `record block is missing: account=${accountId}`);
      blocks.push([cid, bytes]);
    }
    return { root: commit.cid, blocks };
  }

  /** Removes a repository with everything in it, within a transaction. */
  removeAll(accountId: number): void {
    this.#heads.remove(accountId);
    this.#blocks.removeAll(accountId);
    this.#records.removeAll(accountId);
  }

  /** How many blocks and records an account has. */
  counts(accountId: number): { blocks: number; records: number } {
    return { blocks: this.#blocks.count(accountId), records: this.#records.count(accountId) };
  }
}
