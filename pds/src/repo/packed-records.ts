/**
 * Records as the database packs them: side by side in one run of bytes, each as key, zero, CID in 36 bytes, contents.
 * A row handed over as values costs several times what reading it costs; a whole page as one value costs about a row.
 * Not for whoever wants one field of a record (`record-store.ts` has those). Needs no lengths: a key holds no zero, and contents
 * are DAG-CBOR, which says where it ends. Source: ours, docs/decisions/0020.
 */
import { assert } from '@dunlin/protocol/base/assert';
import { cidByteLength } from '@dunlin/protocol/data/cid';

/** One row of the table, packed, as SQL. Concatenation leaves the bytes of a blob as they are, zeros too. */
export const packedRow = "rkey || x'00' || cid || bytes";

/** Gives a query for one run of bytes out of a query for `row`, packed rows, in its order; null when it finds none. */
export function packedRun(query: string): string {
  return `SELECT CAST(group_concat(row, '') AS BLOB) FROM (${query})`;
}

/** Where the parts of the record at `offset` lie; its contents begin at `contents`. */
export function partsAt(run: Buffer, offset: number): { keyEnd: number; cid: number; contents: number } {
  const keyEnd = run.indexOf(0, offset);
  const cid = keyEnd + 1;
  const contents = cid + cidByteLength;
  assert(keyEnd > offset && contents < run.length, `packed record is cut short: offset=${offset} length=${run.length}`);
  return { keyEnd, cid, contents };
}
