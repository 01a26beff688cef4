import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { readProof, recordProof } from '@dunlin/protocol/mst/proof';
import { arbitraryEntries, arbitraryKey, storedTree } from './arbitrary.ts';
import { blocksWith, entry, keysOfHeight, rawNode } from './nodes.ts';

const invalid = expect.objectContaining({ code: 'InvalidMst' });
const missing = expect.objectContaining({ code: 'MissingBlock' });
const [a, b, c] = keysOfHeight(0, 3) as [string, string, string];

describe('proofs', () => {
  test('show what is there and what is not, and need all their nodes', () => {
    fc.assert(fc.property(arbitraryEntries(60), arbitraryKey, (entries, key) => {
      const { blocks, root } = storedTree(entries);
      const expected = entries.find(([other]) => other === key)?.[1] ?? null;
      const proof = recordProof(blocks, root, key);
      expect(readProof(proof, root, key)?.toString()).toBe(expected?.toString());
      for (const cid of proof.cids()) {
        const less = recordProof(blocks, root, key);
        less.delete(cid);
        try {
          // What lies below the key's own layer is for readers that look there.
          expect(readProof(less, root, key)?.toString()).toBe(expected?.toString());
          expect(cid.equals(root)).toBe(false);
        } catch (error) {
          expect(error).toEqual(missing);
        }
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
