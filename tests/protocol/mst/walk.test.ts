import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { BlockMap } from '@dunlin/protocol/data/block-map';
import { cidFromBytes, type Cid } from '@dunlin/protocol/data/cid';
import { diffTrees } from '@dunlin/protocol/mst/diff';
import { nodeBlocksOf } from '@dunlin/protocol/mst/node';
import { readProof, recordProof } from '@dunlin/protocol/mst/proof';
import { walkEntries, walkNodes, walkTree } from '@dunlin/protocol/mst/walk';
import { arbitraryEntries, arbitraryKey, storedTree } from './arbitrary.ts';
import { blocksWith, entry, keysOfHeight, rawNode, valueOf } from './nodes.ts';

const invalid = expect.objectContaining({ code: 'InvalidMst' });
const missing = expect.objectContaining({ code: 'MissingBlock' });
const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);
const without = (all: Set<string>, some: Set<string>): Set<string> => new Set([...all].filter((item) => !some.has(item)));
const [a, b, c] = keysOfHeight(0, 3) as [string, string, string];

/** A tree whose root repeats one subtree left and right of its key. */
function repeatedSubtree(): { blocks: BlockMap; root: Cid } {
  const [high] = keysOfHeight(1, 1) as [string];
  const child = rawNode(null, [entry(a)]);
  const below = blocksWith(child).root;
  return blocksWith(child, rawNode(below, [entry(high, { t: below })]));
}

describe('walking', () => {
  test('gives every entry in key order and every node before what is in it', () => {
    fc.assert(fc.property(arbitraryEntries(60), (entries) => {
      const { blocks, root } = storedTree(entries);
      expect([...walkEntries(blocks, root)].map(({ key, value }) => [key, value.toString()])).toEqual(entries.toSorted(byKey).map(([key, value]) => [key, value.toString()]));
      const nodes = [...walkNodes(blocks, root)];
      expect(nodes[0]![0].equals(root)).toBe(true);
      expect(nodes.length).toBe(blocks.size);
      for (const [cid, bytes] of nodes) expect(blocks.get(cid)).toBe(bytes);
    }), { numRuns: 60 });
  });

  test('passes by what is to be skipped, with all below it', () => {
    const { blocks, root } = storedTree([...keysOfHeight(0, 9), ...keysOfHeight(1, 2)].map((key) => [key, valueOf(1)]));
    const [, child] = [...walkNodes(blocks, root)][1] === undefined ? [root, root] : [root, [...walkNodes(blocks, root)][1]![0]];
    const steps = [...walkTree(nodeBlocksOf(blocks), root.bytes, (link) => cidFromBytes(link.slice()).equals(child))];
    const all = [...walkTree(nodeBlocksOf(blocks), root.bytes)];
    expect(steps.length).toBeLessThan(all.length);
    expect(steps.some((step) => step.kind === 'node' && cidFromBytes(step.link.slice()).equals(child))).toBe(false);
    expect([...walkTree(nodeBlocksOf(blocks), root.bytes, () => true)]).toEqual([]);
  });

  test('ends at a missing node, and at one that is met twice', () => {
    const { blocks, root } = storedTree([...keysOfHeight(0, 9), ...keysOfHeight(1, 2)].map((key) => [key, valueOf(1)]));
    blocks.delete([...walkNodes(blocks, root)].at(-1)![0]);
    expect(() => [...walkEntries(blocks, root)]).toThrow(missing);
    const bomb = repeatedSubtree();
    expect(() => [...walkEntries(bomb.blocks, bomb.root)]).toThrow(invalid);
  });

  test('a tree built to be met again and again on forty layers ends at once', () => {
    const layers = 40;
    const nodes: Uint8Array[] = [];
    let below: Cid | null = null;
    for (let height = 0; height < layers; height++) {
      const node = rawNode(below, height === 0 ? [entry(a)] : []);
      nodes.push(node);
      below = blocksWith(node).root;
    }
    const { blocks } = blocksWith(...nodes);
    expect(() => [...walkEntries(blocks, below!)]).toThrow(invalid);
  });
});

describe('differences', () => {
  test('are what came, changed and went, of records and of nodes', () => {
    fc.assert(fc.property(arbitraryEntries(50), arbitraryEntries(12), arbitraryEntries(12), (common, onlyBefore, onlyAfter) => {
      const before = new Map([...common, ...onlyBefore]);
      const after = new Map([...common, ...onlyAfter]);
      const [old, now] = [storedTree(before), storedTree(after)];
      const blocks = old.blocks;
      const oldNodes = new Set([...old.blocks.cids()].map(String));
      const nowNodes = new Set([...now.blocks.cids()].map(String));
      blocks.addAll(now.blocks);
      const diff = diffTrees(blocks, old.root, now.root);
      const sorted = [...new Set([...before.keys(), ...after.keys()])].toSorted();
      expect(diff.created.map(({ key }) => key)).toEqual(sorted.filter((key) => !before.has(key)));
      expect(diff.deleted.map(({ key }) => key)).toEqual(sorted.filter((key) => !after.has(key)));
      expect(diff.updated.map(({ key }) => key)).toEqual(sorted.filter((key) => before.has(key) && after.has(key) && !before.get(key)!.equals(after.get(key)!)));
      for (const { key, value } of diff.created) expect(value.equals(after.get(key)!)).toBe(true);
      for (const { key, before: was } of diff.deleted) expect(was.equals(before.get(key)!)).toBe(true);
      expect(new Set(diff.newNodes.map(String))).toEqual(without(nowNodes, oldNodes));
      expect(new Set(diff.removedNodes.map(String))).toEqual(without(oldNodes, nowNodes));
    }), { numRuns: 150 });
  });

  test('from no tree are the whole tree, and between equal trees nothing', () => {
    const { blocks, root } = storedTree([[a, valueOf(1)], [b, valueOf(2)]]);
    expect(diffTrees(blocks, null, root)).toMatchObject({ created: [{ key: a }, { key: b }], deleted: [], newNodes: [root], removedNodes: [] });
    expect(diffTrees(blocks, root, root)).toEqual({ created: [], updated: [], deleted: [], newNodes: [], removedNodes: [] });
  });

  test('a tree that is out of order is refused', () => {
    const bomb = repeatedSubtree();
    expect(() => diffTrees(bomb.blocks, null, bomb.root)).toThrow(invalid);
  });
});

describe('proofs', () => {
  test('show what is there and what is not, and need all their nodes', () => {
    fc.assert(fc.property(arbitraryEntries(60), arbitraryKey, (entries, key) => {
      const { blocks, root } = storedTree(entries);
      const expected = entries.find(([other]) => other === key)?.[1] ?? null;
      const proof = recordProof(blocks, root, key);
      expect(readProof(proof, root, key)?.toString()).toBe(expected?.toString());
      for (const cid of [...proof.cids()]) {
        const less = recordProof(blocks, root, key);
        less.delete(cid);
        expect(() => readProof(less, root, key)).toThrow(missing);
      }
    }), { numRuns: 80 });
  });

  test('a node out of its place proves nothing', () => {
    const [high] = keysOfHeight(1, 1) as [string];
    const outside = [a, b, c, ...keysOfHeight(0, 60)].find((key) => key > high)!;
    const child = rawNode(null, [entry(outside)]);
    const below = blocksWith(child).root;
    const { blocks, root } = blocksWith(child, rawNode(below, [entry(high)]));
    expect(() => readProof(blocks, root, [a, b, c].find((key) => key < high)!)).toThrow(invalid);
  });
});
