import { describe, expect, test } from '@jest/globals';
import { BlockMap } from '@dunlin/protocol/data/block-map';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor, type Cid } from '@dunlin/protocol/data/cid';
import { Mst } from '@dunlin/protocol/mst/tree';
import { walkEntries } from '@dunlin/protocol/mst/walk';
import { referenceRoot } from '../repo/reference.ts';

const value = (n: number): Cid => cidForCbor(encode({ n }));
test('smoke', async () => {
  const entries: [string, Cid][] = [];
  for (let i = 0; i < 500; i++) entries.push([`com.example.record/k${(i * 7919) % 1009}`, value(i)]);
  const tree = Mst.empty();
  for (const [k, v] of entries) tree.insert(k, v);
  expect(tree.root().toString()).toBe(await referenceRoot(entries));
  const blocks = tree.newBlocks();
  expect([...walkEntries(blocks, tree.root())].length).toBe(500);
  const again = Mst.load(blocks, tree.root());
  for (const [k] of entries) again.remove(k);
  expect(again.root().toString()).toBe(Mst.empty().root().toString());
});
void describe; void BlockMap;
