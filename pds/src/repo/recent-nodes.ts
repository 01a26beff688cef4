/**
 * The tree nodes of one account that were written last, as one row: they are what its next commit replaces.
 * A commit at the end of a tree writes the path to it anew; kept together that path is one row to rewrite, not a row a node.
 * A value: a change makes a new one. Not for settled nodes (`node-store.ts`, which owns both tables).
 * Source: ours; see the measurements in docs/decisions and bench/pds-create-record.ts.
 */
import { assert } from '@dunlin/protocol/base/assert';
import { cidByteLength } from '@dunlin/protocol/data/cid';
import { cidKeyAt } from './cid-key.ts';

/** A node with its CID in 36 bytes and the revision that brought it. */
export interface RecentNode {
  readonly cid: Uint8Array;
  readonly rev: string;
  readonly bytes: Uint8Array;
}

/** Nodes by the map key of their CID, oldest first. */
export type RecentNodes = ReadonlyMap<string, RecentNode>;

/** Length of a revision, in characters of ASCII. */
const revLength = 13;

/** What a node takes beside its bytes, in bytes: CID, revision, length. */
const headBytes = cidByteLength + revLength + 4;

/** No nodes. */
export const noNodes: RecentNodes = new Map();

/** Gives the length of the row, in bytes. */
export function recentLength(nodes: Iterable<RecentNode>): number {
  let length = 0;
  for (const { bytes } of nodes) length += headBytes + bytes.length;
  return length;
}

/** Room for one row: rows are written far oftener than they are kept. */
let scratch = Buffer.allocUnsafeSlow(32_768);

/** Gives the row of the nodes; it is true until the next call, so whoever keeps it copies it (the database does). */
export function encodeRecent(nodes: RecentNodes): Uint8Array {
  const length = recentLength(nodes.values());
  if (length > scratch.length) scratch = Buffer.allocUnsafeSlow(length);
  const row = scratch.subarray(0, length);
  let offset = 0;
  for (const { cid, rev, bytes } of nodes.values()) {
    assert(cid.length === cidByteLength && rev.length === revLength, `node cannot be kept: cidBytes=${cid.length} rev=${rev}`);
    row.set(cid, offset);
    row.write(rev, offset + cidByteLength, 'latin1');
    row.writeUInt32BE(bytes.length, offset + cidByteLength + revLength);
    row.set(bytes, offset + headBytes);
    offset += headBytes + bytes.length;
  }
  return row;
}

/** Gives the nodes of a row; they are views into it. */
export function decodeRecent(row: Buffer): RecentNodes {
  const nodes = new Map<string, RecentNode>();
  let offset = 0;
  while (offset < row.length) {
    assert(offset + headBytes <= row.length, `row of recent nodes is cut short: length=${row.length}`);
    const bytesStart = offset + headBytes;
    const bytesEnd = bytesStart + row.readUInt32BE(bytesStart - 4);
    assert(bytesEnd <= row.length, `row of recent nodes is cut short: length=${row.length}`);
    const cid = row.subarray(offset, offset + cidByteLength);
    const rev = row.toString('latin1', offset + cidByteLength, bytesStart - 4);
    nodes.set(cidKeyAt(cid, 0), { cid, rev, bytes: row.subarray(bytesStart, bytesEnd) });
    offset = bytesEnd;
  }
  return nodes;
}
