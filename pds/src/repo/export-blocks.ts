/**
 * A repository as one moment had it: the commit, then each node before what is in it, records in their places.
 * Whole, as the pieces of a CAR (`export-car.ts`); or the blocks that a revision has not seen, of which there are few: subtrees
 * that are older are not gone into, since a node that was there then holds nothing that was not.
 * Source: order as proposal 0006 on streamable CARs; ours.
 */
import { assert } from '@dunlin/protocol/base/assert';
import { cidByteLength, cidFromBytes, cidToBytes, type Cid } from '@dunlin/protocol/data/cid';
import { walkTree, type WalkStep } from '@dunlin/protocol/mst/walk';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { cidKeyAt, cidTagAt } from './cid-key.ts';
import { carPieces } from './export-car.ts';
import { NodeLayers } from './node-layers.ts';
import { decodeRecent, noNodes, type RecentNodes } from './recent-nodes.ts';
import { splitPath, type RecordPlace } from './record-path.ts';
import { RecordRuns } from './record-runs.ts';

/** Where the repository stood at that moment. */
export interface SnapshotHead {
  readonly cid: Cid;
  readonly data: Cid;
  readonly rev: string;
  readonly bytes: Uint8Array;
}

interface RecordRow {
  readonly collection: string;
  readonly rkey: string;
  readonly cid: Buffer;
  readonly rev: string;
  readonly bytes: Buffer;
}

type Block = readonly [Cid, Uint8Array];

/** A connection that reads one repository at a time, as it was when `begin` was called. */
export class RepoSnapshot {
  readonly #database: Database;
  readonly #head: Statement<[number], { head: Buffer; data: Buffer; rev: string; commit_bytes: Buffer }>;
  readonly #node: Statement<[number, number, Uint8Array], { bytes: Buffer; rev: string }>;
  readonly #recentNodes: Statement<[number], Buffer>;
  readonly #record: Statement<[number, string, string], RecordRow>;
  readonly #nodes: NodeLayers;
  readonly #records: RecordRuns;
  readonly #begin: Statement<[]>;
  readonly #end: Statement<[]>;

  constructor(database: Database) {
    this.#database = database;
    this.#head = database.prepare('SELECT head, data, rev, commit_bytes FROM repo WHERE account = ?');
    this.#node = database.prepare('SELECT bytes, rev FROM node WHERE account = ? AND tag = ? AND cid = ?');
    this.#recentNodes = database.prepare<[number], Buffer>('SELECT nodes FROM recent_node WHERE account = ?').pluck();
    this.#record = database.prepare('SELECT collection, rkey, cid, rev, bytes FROM record WHERE account = ? AND collection = ? AND rkey = ?');
    this.#nodes = new NodeLayers(database);
    this.#records = new RecordRuns(database);
    this.#begin = database.prepare('BEGIN');
    this.#end = database.prepare('COMMIT');
  }

  /** Holds this moment and gives where the repository stands, or null when the account has none. */
  begin(accountId: number): SnapshotHead | null {
    this.#begin.run();
    const row = this.#head.get(accountId);
    return row ? { cid: cidFromBytes(row.head), data: cidFromBytes(row.data), rev: row.rev, bytes: row.commit_bytes } : null;
  }

  /** Lets the moment go, and what was read of it. */
  end(): void {
    this.#nodes.end();
    this.#records.end();
    if (this.#database.inTransaction) this.#end.run();
  }

  /** Gives who makes, once, the whole repository as the pieces of a CAR, in rooms of `pieceBytes`. @throws AssertionFailure when the root is missing */
  pieces(accountId: number, head: SnapshotHead): (room: () => Buffer) => Generator<Buffer, void, undefined> {
    this.#nodes.begin(accountId, this.#recent(accountId), cidToBytes(head.data));
    this.#records.begin(accountId);
    return (room) => carPieces(head, { nodes: this.#nodes, records: this.#records }, room);
  }

  /** Gives the blocks that a revision has not seen. */
  *newerThan(since: string, accountId: number, head: SnapshotHead): Generator<Block, void, undefined> {
    if (head.rev <= since) return;
    yield [head.cid, head.bytes];
    for (const step of this.#walkNewer(accountId, head, since)) {
      if (step.kind === 'node') {
        yield [cidFromBytes(step.link.slice()), step.bytes];
        continue;
      }
      const place = splitPath(step.key);
      const row = this.#record.get(accountId, place.collection, place.rkey);
      const block = blockOf(row, place);
      if (row !== undefined && row.rev > since) yield block;
    }
  }

  /** Closes the connection. */
  close(): void {
    this.#database.close();
  }

  #recent(accountId: number): RecentNodes {
    const row = this.#recentNodes.get(accountId);
    return row === undefined ? noNodes : decodeRecent(row);
  }

  /** Walks the tree past nodes that are no newer. */
  #walkNewer(accountId: number, head: SnapshotHead, since: string): Iterable<WalkStep> {
    const recent = this.#recent(accountId);
    const read = (link: Uint8Array): { bytes: Uint8Array; rev: string } => {
      const node = recent.get(cidKeyAt(link, 0)) ?? this.#node.get(accountId, cidTagAt(link, 0), link);
      assert(node !== undefined, `tree node is missing: account=${accountId}`);
      return node;
    };
    const blocks = { getBytes: (link: Uint8Array, offset = 0) => read(link.subarray(offset, offset + cidByteLength)).bytes };
    return walkTree(blocks, cidToBytes(head.data), (link) => read(link).rev <= since);
  }
}

function isAt(row: RecordRow | undefined, place: RecordPlace): boolean {
  return row !== undefined && row.rkey === place.rkey && row.collection === place.collection;
}

function blockOf(row: RecordRow | undefined, place: RecordPlace): Block {
  assert(row !== undefined && isAt(row, place), 'the tree names a record that is not stored');
  return [cidFromBytes(row.cid), row.bytes];
}
