/** The row of recent nodes: what goes in comes out, and a damaged row is found out. */
import { expect, test } from '@jest/globals';
import { cidForCbor, cidToBytes } from '@dunlin/protocol/data/cid';
import { cidKeyAt } from '../../../pds/src/repo/cid-key.ts';
import { decodeRecent, encodeRecent, noNodes, recentLength, type RecentNode } from '../../../pds/src/repo/recent-nodes.ts';

const node = (length: number): RecentNode => {
  const bytes = new Uint8Array(length).fill(length);
  return { cid: cidToBytes(cidForCbor(bytes)), rev: '3kabcdefgh222', bytes };
};
const nodesOf = (...lengths: number[]): Map<string, RecentNode> => new Map(lengths.map((length) => [cidKeyAt(node(length).cid, 0), node(length)]));
const plain = (nodes: Iterable<RecentNode>): unknown[] => [...nodes].map(({ cid, rev, bytes }) => [Buffer.from(cid).toString('hex'), rev, Buffer.from(bytes).toString('hex')]);

test.each([[[]], [[1]], [[300, 20, 4_000]], [[60_000, 1]]])('nodes of %j bytes come out as they went in', (lengths) => {
  const nodes = nodesOf(...lengths);
  const row = Buffer.from(encodeRecent(nodes));
  expect(row).toHaveLength(recentLength(nodes.values()));
  const read = decodeRecent(row);
  expect(plain(read.values())).toEqual(plain(nodes.values()));
  expect([...read.keys()]).toEqual([...nodes.keys()]);
});

test('a row that is cut short is our own damage', () => {
  const row = Buffer.from(encodeRecent(nodesOf(100)));
  expect(() => decodeRecent(row.subarray(0, 50))).toThrow('cut short');
  expect(() => decodeRecent(row.subarray(0, row.length - 1))).toThrow('cut short');
  expect(encodeRecent(noNodes)).toHaveLength(0);
});
