/**
 * Stores what a commit brings and removes what it takes: blocks, record rows and links of one account, within a transaction.
 * Records are told from tree nodes by the operations: a record's block goes with the last key that names it.
 * Not here: heads, blobs, events (`write.ts` does those in the same transaction). Source: ours.
 */
import { assert } from '@dunlin/protocol/base/assert';
import { cidToBytes } from '@dunlin/protocol/data/cid';
import type { BlockSource } from '@dunlin/protocol/data/block-map';
import type { CommitData } from '@dunlin/protocol/repo/apply';
import type { RepoOp } from '@dunlin/protocol/repo/operation';
import { hasBacklinks } from './backlinks.ts';
import type { BlockStore } from './block-store.ts';
import { cidKey } from './cid-key.ts';
import { splitPath } from './record-path.ts';
import type { RecordStore } from './record-store.ts';

/** Puts commits into the tables. Every method is synchronous. */
export class CommitStore {
  readonly #blocks: BlockStore;
  readonly #records: RecordStore;

  constructor(blocks: BlockStore, records: RecordStore) {
    this.#blocks = blocks;
    this.#records = records;
  }

  /** Gives the tree of an account's head, for reading and changing. */
  source(accountId: number): BlockSource {
    return this.#blocks.source(accountId);
  }

  /** Stores a commit's blocks and record rows, and removes what it replaced. */
  store(accountId: number, commit: CommitData): void {
    const records = new Set<string>();
    for (const { cid } of commit.ops) if (cid !== null) records.add(cidKey(cid));
    for (const [cid, bytes] of commit.newBlocks) {
      if (!records.has(cidKey(cid))) this.#blocks.addNode(accountId, cid, commit.rev, bytes);
    }
    for (const op of commit.ops) this.#moveRecord(accountId, commit, op);
    const replaced = new Set<string>();
    for (const { prev } of commit.ops) {
      if (prev === null) continue;
      replaced.add(cidKey(prev));
      this.#blocks.releaseRecord(accountId, prev);
    }
    for (const cid of commit.removedCids) if (!replaced.has(cidKey(cid))) this.#blocks.removeNode(accountId, cid);
  }

  /** Remembers what a record points at; null forgets. Collections without such links cost nothing. */
  setLink(accountId: number, record: { collection: string; rkey: string }, subject: string | null): void {
    if (hasBacklinks(record.collection)) this.#records.setLink(accountId, record, subject);
  }

  #moveRecord(accountId: number, commit: CommitData, op: RepoOp): void {
    const { collection, rkey } = splitPath(op.path);
    if (op.cid === null) {
      this.#records.remove(accountId, collection, rkey);
      this.setLink(accountId, { collection, rkey }, null);
      return;
    }
    const bytes = commit.newBlocks.get(op.cid);
    assert(bytes !== undefined, 'a commit brings the records it names');
    this.#blocks.addRecord(accountId, op.cid, commit.rev, bytes);
    this.#records.put(accountId, { collection, rkey, cid: cidToBytes(op.cid), rev: commit.rev });
  }
}
