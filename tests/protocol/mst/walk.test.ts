import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { cidFromBytes, type Cid } from '@dunlin/protocol/data/cid';
import { nodeBlocksOf } from '@dunlin/protocol/mst/node';
import { walkEntries, walkNodes, walkTree } from '@dunlin/protocol/mst/walk';
import { arbitraryEntries, storedTree } from './arbitrary.ts';
import { blocksWith, entry, keysOfHeight, rawNode, repeatedSubtree, valueOf } from './nodes.ts';

const invalid = expect.objectContaining({ code: 'InvalidMst' });
const missing = expect.objectContaining({ code: 'MissingBlock' });
const byKey = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);
const [a] = keysOfHeight(0, 1) as [string];

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
