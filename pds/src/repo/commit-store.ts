/**
 * Stores what a commit brings and removes what it takes: tree nodes, records and links of one account, within a transaction.
 * The commit's own block goes with the head. Not here: heads, blobs, events (`write.ts` does those in the same transaction).
 * Source: ours.
 */
import { assert } from '@dunlin/protocol/base/assert';
import { BlockMap } from '@dunlin/protocol/data/block-map';
import { cidToBytes, sameCid, type Cid } from '@dunlin/protocol/data/cid';
import type { CommitData } from '@dunlin/protocol/repo/apply';
import type { RepoOp } from '@dunlin/protocol/repo/operation';
import type { WriteGroup } from '../sequencer/group-commit.ts';
import { hasBacklinks } from './backlinks.ts';
import type { NodeReader, NodeStore } from './node-store.ts';
import { splitPath } from './record-path.ts';
import type { RecordStore } from './record-store.ts';

/** Puts commits into the tables. Every method is synchronous. */
export class CommitStore {
  readonly #nodes: NodeStore;
  readonly #records: RecordStore;

  constructor(nodes: NodeStore, records: RecordStore) {
    this.#nodes = nodes;
    this.#records = records;
  }

  /** Gives the tree of an account's head, for reading and changing. */
  reader(accountId: number): NodeReader {
    return this.#nodes.reader(accountId);
  }

  /**
   * Stores a commit's nodes and records, and removes what it replaced. `previous` is the commit before, null for the first;
   * `reader` is where the commit's tree was read from: a node that came from there and is new again stands there already.
   */
  store(accountId: number, commit: CommitData, { previous, reader, group }: { previous: Cid | null; reader: NodeReader; group: WriteGroup }): void {
    const isRecord = recordsOf(commit.ops);
    const removed = commit.removedCids.filter((cid) => !sameCid(cid, previous) && !isRecord(cid));
    const added: [Cid, Uint8Array][] = [];
    for (const block of commit.newBlocks) {
      const [cid] = block;
      if (!sameCid(cid, commit.cid) && !isRecord(cid) && !reader.hasGiven(cid)) added.push(block);
    }
    this.#nodes.change(accountId, { rev: commit.rev, removed, added }, group);
    for (const op of commit.ops) this.#moveRecord(accountId, commit, op);
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
    this.#records.put(accountId, { collection, rkey, cid: cidToBytes(op.cid), rev: commit.rev, bytes });
  }
}

const noBytes = new Uint8Array(0);

/** So many operations are looked through one by one, which is quicker than making a map of them. */
const fewOps = 4;

/** Gives a test for the CIDs that operations name, which are records; every other block of a commit is a node or the commit. */
function recordsOf(ops: readonly RepoOp[]): (cid: Cid) => boolean {
  if (ops.length <= fewOps) {
    return (cid) => ops.some((op) => (op.cid !== null && sameCid(op.cid, cid)) || (op.prev !== null && sameCid(op.prev, cid)));
  }
  const records = new BlockMap();
  for (const op of ops) {
    if (op.prev !== null) records.set(op.prev, noBytes);
    if (op.cid !== null) records.set(op.cid, noBytes);
  }
  return (cid) => records.has(cid);
}
