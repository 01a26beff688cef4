import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { BlockMap } from '@dunlin/protocol/data/block-map';
import { parseCid, type Cid } from '@dunlin/protocol/data/cid';
import { keyHeight } from '@dunlin/protocol/mst/key';
import { Mst } from '@dunlin/protocol/mst/tree';
import { walkEntries, walkNodes } from '@dunlin/protocol/mst/walk';
import { MST, referenceRoot, referenceStore, toReference } from '../repo/reference.ts';
import { arbitraryChanges, arbitraryEntries, storedTree, treeOf } from './arbitrary.ts';
import { entry, keysOfHeight, rawNode, valueOf, blocksWith } from './nodes.ts';

const value = parseCid('bafyreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454');
const record = (rkey: string): [string, Cid] => [`com.example.record/${rkey}`, value];
const emptyRoot = 'bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm';

describe('known roots', () => {
  test.each<[string, [string, Cid][], string]>([
    ['nothing', [], emptyRoot],
    ['one key', [record('3jqfcqzm3fo2j')], 'bafyreibj4lsc3aqnrvphp5xmrnfoorvru4wynt6lwidqbm2623a6tatzdu'],
    ['one key two layers up', [record('3jqfcqzm3fx2j')], 'bafyreih7wfei65pxzhauoibu3ls7jgmkju4bspy4t2ha2qdjnzqvoy33ai'],
    ['five keys', ['3jqfcqzm3fp2j', '3jqfcqzm3fr2j', '3jqfcqzm3fs2j', '3jqfcqzm3ft2j', '3jqfcqzm4fc2j'].map(record), 'bafyreicmahysq4n6wfuxo522m6dpiy7z7qzym3dzs756t5n7nfdgccwq7m'],
  ])('%s', (_what, entries, root) => {
    expect(treeOf(entries).root().toString()).toBe(root);
    expect(treeOf(entries.toReversed()).root().toString()).toBe(root);
  });
});

describe('against the reference', () => {
  test('random trees have the same root whatever the order of writing', async () => {
    await fc.assert(fc.asyncProperty(arbitraryEntries(60), async (entries) => {
      expect(treeOf(entries).root().toString()).toBe(await referenceRoot(entries.toSorted()));
    }), { numRuns: 60 });
  });

  test('a tree of ten thousand records has the same root', async () => {
    const entries = Array.from({ length: 10_000 }, (_, n): [string, Cid] => [`com.example.record/${((n * 7919) % 1_000_003).toString(36)}`, valueOf(n % 100)]);
    expect(treeOf(entries).root().toString()).toBe(await referenceRoot(entries));
  });

  test('random changes to stored trees come to the same root, and the covering proofs are the same blocks', async () => {
    await fc.assert(fc.asyncProperty(arbitraryEntries(50), arbitraryChanges(8), async (entries, changes) => {
      const { blocks, root } = storedTree(entries);
      const tree = Mst.load(blocks, root);
      let reference = MST.load(referenceStore(blocks), toReference(root));
      for (const { kind, key, value: next } of changes) {
        const isThere = tree.get(key) !== null;
        if (kind === 'remove' && isThere) {
          tree.remove(key);
          reference = await reference.delete(key);
        } else if (kind === 'put' && isThere) {
          tree.update(key, next);
          reference = await reference.update(key, toReference(next));
        } else if (kind === 'put') {
          tree.insert(key, next);
          reference = await reference.add(key, toReference(next));
        }
      }
      expect(tree.root().toString()).toBe((await reference.getPointer()).toString());
      for (const { key } of changes) {
        const proof = new BlockMap();
        tree.addRoot(proof);
        tree.addCoveringProof(key, proof);
        const expected = [...(await reference.getCoveringProof(key)).entries()].map(({ cid }) => cid.toString());
        expected.push(tree.root().toString());
        expect(new Set([...proof.cids()].map(String))).toEqual(new Set(expected));
      }
    }), { numRuns: 80 });
  });
});

describe('changing', () => {
  test('gives what was there before, and null for what is not', () => {
    const tree = treeOf([['a/b', valueOf(1)]]);
    expect(tree.get('a/b')!.equals(valueOf(1))).toBe(true);
    expect(tree.get('a/c')).toBeNull();
    expect(tree.get('not a key')).toBeNull();
    expect(tree.update('a/b', valueOf(2)).equals(valueOf(1))).toBe(true);
    expect(tree.remove('a/b').equals(valueOf(2))).toBe(true);
    expect(tree.root().toString()).toBe(emptyRoot);
  });

  test('a key that is there, not there, or no key leaves the tree as it was', () => {
    fc.assert(fc.property(arbitraryEntries(40), fc.nat(), (entries, pick) => {
      const { blocks, root } = storedTree(entries);
      const tree = Mst.load(blocks, root);
      const [absent] = keysOfHeight(pick % 3, 1) as [string];
      expect(() => tree.update(absent, value)).toThrow(expect.objectContaining({ code: 'KeyNotFound' }));
      expect(() => tree.remove(absent)).toThrow(expect.objectContaining({ code: 'KeyNotFound' }));
      expect(() => tree.insert('no key', value)).toThrow(expect.objectContaining({ code: 'InvalidMstKey' }));
      const [present] = entries[pick % Math.max(entries.length, 1)] ?? [];
      if (present !== undefined) expect(() => tree.insert(present, value)).toThrow(expect.objectContaining({ code: 'KeyExists' }));
      expect(tree.root().equals(root)).toBe(true);
      expect(tree.newBlocks().size).toBe(0);
      expect(tree.removedNodes()).toEqual([]);
    }), { numRuns: 50 });
  });

  test('new blocks with the old ones, without the removed ones, are the new tree and nothing else', () => {
    fc.assert(fc.property(arbitraryEntries(60), arbitraryChanges(12), (entries, changes) => {
      const { blocks, root } = storedTree(entries);
      const tree = Mst.load(blocks, root);
      const expected = new Map(entries.map(([key, cid]) => [key, cid.toString()]));
      for (const { kind, key, value: next } of changes) {
        if (kind === 'remove') { if (expected.delete(key)) tree.remove(key); continue; }
        if (expected.has(key)) tree.update(key, next);
        else tree.insert(key, next);
        expected.set(key, next.toString());
      }
      const removed = tree.removedNodes();
      const fresh = tree.newBlocks();
      for (const [cid] of fresh) expect(blocks.has(cid)).toBe(false);
      blocks.addAll(fresh);
      for (const cid of removed) expect(blocks.delete(cid)).toBe(true);
      expect(new Set([...walkNodes(blocks, tree.root())].map(([cid]) => cid.toString()))).toEqual(new Set([...blocks.cids()].map(String)));
      expect([...walkEntries(blocks, tree.root())].map(({ key, value: cid }) => [key, cid.toString()])).toEqual([...expected].toSorted(([a], [b]) => (a < b ? -1 : 1)));
    }), { numRuns: 200 });
  });

  test('what is done and undone within one tree leaves nothing to store and nothing to drop', () => {
    const { blocks, root } = storedTree(keysOfHeight(0, 5).concat(keysOfHeight(1, 2), keysOfHeight(3, 1)).map((key) => [key, value]));
    const tree = Mst.load(blocks, root);
    for (const key of [keysOfHeight(2, 1)[0]!, keysOfHeight(4, 1)[0]!]) {
      tree.insert(key, value);
      tree.root();
      tree.remove(key);
    }
    expect(tree.root().equals(root)).toBe(true);
    expect(tree.newBlocks().size).toBe(0);
    expect(tree.removedNodes()).toEqual([]);
  });

  test('layers that nobody stands on are bridged, and go again', async () => {
    const [bottom, top] = [keysOfHeight(0, 1)[0]!, keysOfHeight(5, 1)[0]!];
    const tree = treeOf([[bottom, value], [top, value]]);
    expect(tree.newBlocks().size).toBe(6);
    expect(tree.root().toString()).toBe(await referenceRoot([[bottom, value], [top, value]]));
    tree.remove(bottom);
    expect(tree.newBlocks().size).toBe(1);
    tree.insert(bottom, value);
    tree.remove(top);
    expect(tree.root().toString()).toBe(await referenceRoot([[bottom, value]]));
  });
});

const keyOf = (prefix: string, length: number): string =>
  [...Array(99).keys()].map((n) => `${prefix}${String(n).padStart(2, '0')}`.padEnd(length, 'x')).find((key) => keyHeight(key) === 0)!;
const sizeOf = (tree: Mst): number => tree.newBlocks().get(tree.root())!.length;

test('a node may have as many bytes as a block and not one more', () => {
  const keys = Array.from({ length: 1064 }, (_, n) => keyOf(`com.example.a/${n + 1000}-`, 900));
  const entries = keys.map((key): [string, Cid] => [key, value]);
  const room = 1_000_000 - sizeOf(treeOf(entries)) - 55 + 'com.example.'.length;
  const parts = [keyOf('com.example.b/', 900), keyOf('com.example.c/', room - 900 - 55 + 'com.example.'.length)];
  const fitting = treeOf([...entries, ...parts.map((key): [string, Cid] => [key, value])]);
  expect(sizeOf(fitting)).toBe(1_000_000);
  const beyond = treeOf([...entries, [parts[0]!, value], [keyOf('com.example.c/', parts[1]!.length + 1), value]]);
  expect(() => beyond.root()).toThrow(expect.objectContaining({ code: 'BlocksTooBig' }));
});

describe('damaged sources', () => {
  test('a missing node is told by its CID, and only when somebody goes there', () => {
    const keys = [...keysOfHeight(0, 40), ...keysOfHeight(1, 10), ...keysOfHeight(2, 2)];
    const { blocks, root } = storedTree(keys.map((key) => [key, value]));
    const gone = [...walkNodes(blocks, root)].at(-1)![0];
    blocks.delete(gone);
    const tree = Mst.load(blocks, root);
    const missing = keys.filter((key) => { try { tree.get(key); return false; } catch (error) { expect(error).toMatchObject({ code: 'MissingBlock', message: expect.stringContaining(gone.toString()) }); return true; } });
    expect(missing.length).toBeGreaterThan(0);
    expect(missing.length).toBeLessThan(keys.length / 2);
    expect(() => Mst.load(new BlockMap(), root)).toThrow(expect.objectContaining({ code: 'MissingBlock' }));
  });

  test('a node on the wrong layer is refused', () => {
    const [low] = keysOfHeight(0, 1) as [string];
    const [high] = keysOfHeight(2, 1) as [string];
    const child = rawNode(null, [entry(low)]);
    const { root: below } = blocksWith(child);
    const isBefore = low < high;
    const { blocks, root } = blocksWith(child, rawNode(isBefore ? below : null, [entry(high, { t: isBefore ? null : below })]));
    expect(() => Mst.load(blocks, root).get(low)).toThrow(expect.objectContaining({ code: 'InvalidMst' }));
  });
});
