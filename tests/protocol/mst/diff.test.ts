import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { diffTrees } from '@dunlin/protocol/mst/diff';
import { arbitraryEntries, storedTree } from './arbitrary.ts';
import { keysOfHeight, repeatedSubtree, valueOf } from './nodes.ts';

const invalid = expect.objectContaining({ code: 'InvalidMst' });
const without = (all: Set<string>, some: Set<string>): Set<string> => new Set([...all].filter((item) => !some.has(item)));
const [a, b] = keysOfHeight(0, 2) as [string, string];

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
