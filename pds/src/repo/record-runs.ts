/**
 * Records in the order of the tree, for exports: as they lie in the table in that order, collection by collection, they are
 * fetched by the run. A record is known by its CID, which the tree names; its key is looked at only where a run begins, and
 * where a record is too long to lie in one. A run is bounded in bytes; one record may be as long as it is.
 * Not for single records (`record-store.ts`). Place: exports, on a snapshot. Source: ours, docs/decisions/0020 and 0029.
 */
import { assert } from '@dunlin/protocol/base/assert';
import { releaseBytes } from '@dunlin/protocol/base/bytes';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { isSameCid } from './cid-key.ts';
import { cidOfSection, endOfSection, longMark, makeSection, noRun, packedSection, sectionLengths } from './packed-sections.ts';
import { splitPath } from './record-path.ts';
import { keyOfEntry, type StoredNode } from './stored-node.ts';

/** Most records in a run; each has at most `maxPackedBytes`. */
const maxRunRecords = 1_024;

/** Fetches records of one account from one snapshot. */
export class RecordRuns {
  readonly #run: Statement<[Uint8Array, number, string, string], Buffer>;
  readonly #one: Statement<[number, string, string], { cid: Buffer; bytes: Buffer }>;
  #accountId = 0;
  #packed: Buffer = noRun;
  /** The run before: its last record may not be copied yet, that of any earlier one is. */
  #before: Buffer = noRun;
  #next = 0;
  /** Where the section lies of the record that `take` found. */
  bytes: Buffer = noRun;
  sectionStart = 0;
  sectionEnd = 0;

  constructor(database: Database) {
    this.#run = database
      .prepare<[Uint8Array, number, string, string], Buffer>(`SELECT CAST(group_concat(row, '') AS BLOB) FROM (SELECT ${packedSection} AS row
        FROM record WHERE account = +? AND collection = +? AND rkey >= ? ORDER BY rkey LIMIT ${maxRunRecords})`)
      .pluck();
    this.#one = database.prepare('SELECT cid, bytes FROM record WHERE account = ? AND collection = ? AND rkey = ?');
  }

  /** Begins with an account. */
  begin(accountId: number): void {
    this.end();
    this.#accountId = accountId;
  }

  /** Gives up what was fetched. */
  end(): void {
    releaseBytes(this.#before);
    releaseBytes(this.#packed);
    this.#packed = noRun;
    this.#before = noRun;
    this.#next = 0;
    this.bytes = noRun;
  }

  /**
   * Finds the record of an entry of a node, whose CID lies there at `offset`: its section is at `sectionStart` to `sectionEnd` of `bytes` then,
   * and stays there until the record after the next one is taken.
   */
  take(node: StoredNode, offset: number, entry: number): void {
    if (this.#step(node, offset, entry)) return;
    const { collection, rkey } = splitPath(keyOfEntry(node, entry));
    releaseBytes(this.#before);
    this.#before = this.#packed;
    this.#packed = this.#run.get(sectionLengths, this.#accountId, collection, rkey) ?? noRun;
    this.#next = 0;
    assert(this.#step(node, offset, entry), `the tree names a record that is not stored: account=${this.#accountId}`);
  }

  /** Takes the record that is next in the run, when it is the one. */
  #step(node: StoredNode, offset: number, entry: number): boolean {
    const packed = this.#packed;
    const start = this.#next;
    if (start === packed.length) return false;
    if (packed[start] === longMark) return this.#stepAlone(node, offset, entry);
    if (!isSameCid(packed, cidOfSection(packed, start), node.bytes, offset)) return false;
    this.bytes = packed;
    this.sectionStart = start;
    this.sectionEnd = endOfSection(packed, start);
    this.#next = this.sectionEnd;
    return true;
  }

  #stepAlone(node: StoredNode, offset: number, entry: number): boolean {
    const { collection, rkey } = splitPath(keyOfEntry(node, entry));
    const row = this.#one.get(this.#accountId, collection, rkey);
    if (row === undefined || !isSameCid(row.cid, 0, node.bytes, offset)) return false;
    this.bytes = makeSection(row.cid, row.bytes);
    this.sectionStart = 0;
    this.sectionEnd = this.bytes.length;
    this.#next += 1;
    return true;
  }
}
