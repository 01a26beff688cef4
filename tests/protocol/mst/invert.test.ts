import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { BlockMap } from '@dunlin/protocol/data/block-map';
import type { Cid } from '@dunlin/protocol/data/cid';
import { invertOperations } from '@dunlin/protocol/mst/invert';
import type { RepoOp } from '@dunlin/protocol/repo/operation';
import { arbitraryChanges, arbitraryEntries, storedTree } from './arbitrary.ts';
import { change } from './changes.ts';
import { valueOf } from './nodes.ts';

describe('undoing a commit', () => {
  test('gives the tree before, from the covering proof alone, in whatever order the operations stand', () => {
    fc.assert(fc.property(arbitraryEntries(80), arbitraryChanges(20), fc.nat(), (entries, changes, turn) => {
      const { blocks, root } = storedTree(entries);
      const { data, ops, proof } = change(blocks, root, changes);
      const turned = [...ops.slice(turn % (ops.length + 1)), ...ops.slice(0, turn % (ops.length + 1))];
      expect(invertOperations(proof, data, ops).equals(root)).toBe(true);
      expect(invertOperations(proof, data, turned).equals(root)).toBe(true);
    }), { numRuns: 400 });
  });

  test('a missing node is told, or was not needed for the answer, which is then the same', () => {
    fc.assert(fc.property(arbitraryEntries(80), arbitraryChanges(6), (entries, changes) => {
      const { blocks, root } = storedTree(entries);
      const { data, ops, proof } = change(blocks, root, changes);
      if (ops.length === 0) return;
      for (const cid of proof.cids()) {
        const less = new BlockMap();
        for (const [other, bytes] of proof) if (!other.equals(cid)) less.set(other, bytes);
        try {
          expect(invertOperations(less, data, ops).equals(root)).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: 'MissingBlock' });
        }
      }
    }), { numRuns: 60 });
  });

  test('operations that are not what happened do not give the tree before', () => {
    fc.assert(fc.property(arbitraryEntries(40), arbitraryChanges(5), fc.nat(), (entries, changes, pick) => {
      const { blocks, root } = storedTree(entries);
      const { data, ops, proof } = change(blocks, root, changes);
      if (ops.length === 0) return;
      const at = pick % ops.length;
      const op = ops[at]!;
      const other = valueOf(1000);
      const lies: RepoOp[] = [
        op.cid === null ? { ...op, prev: other } : op.action === 'create' ? { ...op, cid: other } : { ...op, prev: other },
        { action: 'create', path: op.path, cid: other, prev: null },
        { action: 'delete', path: op.path, cid: null, prev: other },
      ];
      for (const lie of lies) {
        const told = ops.with(at, lie);
        try {
          expect(invertOperations(proof, data, told).equals(root)).toBe(false);
        } catch (error) {
          expect(['InversionFailed', 'MissingBlock']).toContain((error as { code: string }).code);
        }
      }
      const less = ops.toSpliced(at, 1);
      const isNothing = op.cid !== null && op.prev !== null && op.cid.equals(op.prev);
      if (!isNothing) expect(invertOperations(proof, data, less).equals(root)).toBe(false);
    }), { numRuns: 150 });
  });

  test('loads every node once at most, whatever the operations', () => {
    fc.assert(fc.property(arbitraryEntries(80), arbitraryChanges(20), (entries, changes) => {
      const { blocks, root } = storedTree(entries);
      const { data, ops, proof } = change(blocks, root, changes);
      const loads = new Map<string, number>();
      const counted = { get: (cid: Cid): Uint8Array | undefined => {
        loads.set(cid.toString(), (loads.get(cid.toString()) ?? 0) + 1);
        return proof.get(cid);
      } };
      invertOperations(counted, data, ops);
      expect(Math.max(0, ...loads.values())).toBeLessThanOrEqual(1);
    }), { numRuns: 150 });
  });

  test('an update or delete without prev cannot be undone', () => {
    const { blocks, root } = storedTree([['a/b', valueOf(1)]]);
    expect(() => invertOperations(blocks, root, [{ action: 'update', path: 'a/b', cid: valueOf(1), prev: null }])).toThrow(expect.objectContaining({ code: 'InversionFailed' }));
  });
});
