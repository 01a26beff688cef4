/**
 * Records in the order of the tree, for exports: as they lie in the table in that order, collection by collection, they are
 * fetched by the run. A record is known by its CID, which the tree names; its key is looked at only where a run begins.
 * A run is bounded in bytes; one record may be as long as it is. Not for single records (`record-store.ts`).
 * Place: exports, on a snapshot. Source: ours, docs/decisions/0020.
 */
import { assert } from '@dunlin/protocol/base/assert';
import { cidByteLength } from '@dunlin/protocol/data/cid';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { isSameCid } from './cid-key.ts';
import { splitPath } from './record-path.ts';
import { keyOfEntry } from './stored-node.ts';

/** Most records in a run. */
const maxRunRecords = 512;

/** Most bytes of contents in a run of more than one record. */
const maxRunBytes = 1_048_576;

const noRun = Buffer.alloc(0);

/** Fetches records of one account from one snapshot. */
export class RecordRuns {
  readonly #lengths: Statement<[number, string, string], string | null>;
  readonly #run: Statement<[number, string, string, number], Buffer>;
  #accountId = 0;
  #lengthsOfRun: readonly string[] = [];
  #next = 0;
  /** CID and contents of each record, side by side. */
  bytes: Buffer = noRun;
  /** Where in `bytes` the record lies that `take` found, its CID first. */
  start = 0;
  end = 0;

  constructor(database: Database) {
    const rows = 'FROM record WHERE account = ? AND collection = ? AND rkey >= ? ORDER BY rkey LIMIT';
    this.#lengths = database
      .prepare<[number, string, string], string | null>(`SELECT group_concat(length) FROM (SELECT length(bytes) AS length ${rows} ${maxRunRecords})`)
      .pluck();
    this.#run = database.prepare<[number, string, string, number], Buffer>(`SELECT CAST(group_concat(row, '') AS BLOB) FROM (SELECT cid || bytes AS row ${rows} ?)`).pluck();
  }

  /** Begins with an account. */
  begin(accountId: number): void {
    this.#accountId = accountId;
    this.#lengthsOfRun = [];
    this.#next = 0;
    this.bytes = noRun;
    this.start = 0;
    this.end = 0;
  }

  /** Finds the record of an entry of a node, whose CID lies there at `offset`: it is at `start` to `end` of `bytes` then. */
  take(node: Uint8Array, offset: number, entry: number): void {
    if (this.#step(node, offset)) return;
    this.#fetch(keyOfEntry(node, entry));
    assert(this.#step(node, offset), `the tree names a record that is not stored: account=${this.#accountId}`);
  }

  #step(node: Uint8Array, offset: number): boolean {
    const length = this.#lengthsOfRun[this.#next];
    if (length === undefined || !isSameCid(this.bytes, this.end, node, offset)) return false;
    this.#next += 1;
    this.start = this.end;
    this.end += cidByteLength + Number(length);
    return true;
  }

  #fetch(key: string): void {
    const { collection, rkey } = splitPath(key);
    const lengths = this.#lengths.get(this.#accountId, collection, rkey)?.split(',') ?? [];
    let count = 0;
    for (let bytes = 0; count < lengths.length; count++) {
      bytes += Number(lengths[count]);
      if (bytes > maxRunBytes && count > 0) break;
    }
    this.#lengthsOfRun = lengths.slice(0, count);
    this.bytes = count === 0 ? noRun : (this.#run.get(this.#accountId, collection, rkey, count) ?? noRun);
    this.#next = 0;
    this.end = 0;
  }
}
