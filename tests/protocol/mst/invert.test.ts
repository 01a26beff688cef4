import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { BlockMap } from '@dunlin/protocol/data/block-map';
import type { Cid } from '@dunlin/protocol/data/cid';
import { BlockIndex } from '@dunlin/protocol/mst/block-index';
import { invertOperations } from '@dunlin/protocol/mst/invert';
import { keyHeight } from '@dunlin/protocol/mst/key';
import { Mst } from '@dunlin/protocol/mst/tree';
import { undoCreate, undoUpdate, type Undone } from '@dunlin/protocol/mst/undo-one';
import type { RepoOp } from '@dunlin/protocol/repo/operation';
import { arbitraryChanges, arbitraryEntries, arbitraryKey, storedTree, type Change } from './arbitrary.ts';
import { blocksWith, entry, keysOfHeight, rawNode, valueOf } from './nodes.ts';

/** Makes changes as one commit would; gives the new root, the operations and the covering proof. */
function change(blocks: BlockMap, root: Cid, changes: readonly Change[]): { data: Cid; ops: RepoOp[]; proof: BlockMap } {
  const tree = Mst.load(blocks, root);
  const ops = changes.flatMap(({ kind, key, value }): RepoOp[] => {
    const prev = tree.get(key);
    if (kind === 'remove') return prev === null ? [] : [{ action: 'delete', path: key, cid: null, prev: tree.remove(key) }];
    if (prev !== null) return [{ action: 'update', path: key, cid: value, prev: tree.update(key, value) }];
    tree.insert(key, value);
    return [{ action: 'create', path: key, cid: value, prev: null }];
  });
  const proof = new BlockMap();
  tree.addRoot(proof);
  for (const { path } of ops) tree.addCoveringProof(path, proof);
  return { data: tree.root(), ops, proof };
}

/** Lays blocks, root, key and CIDs side by side, as they lie in a frame, and undoes the one operation there. */
function undoInPlace(proof: BlockMap, data: Cid, op: RepoOp): Undone {
  const index = new BlockIndex();
  const key = new TextEncoder().encode(op.path);
  const parts: Uint8Array[] = [data.bytes, op.cid!.bytes, (op.prev ?? data).bytes, key];
  const places: [number, number, number][] = [];
  let offset = 108 + key.length;
  for (const [cid, bytes] of proof) {
    parts.push(cid.bytes, bytes);
    places.push([offset, offset + 36, offset + 36 + bytes.length]);
    offset += 36 + bytes.length;
  }
  index.clear(Buffer.concat(parts));
  for (const place of places) index.add(...place);
  return op.action === 'create' ? undoCreate(index, 0, 108, 108 + key.length, 36) : undoUpdate(index, 0, 108, 108 + key.length, 36, 72);
}

const digestText = (cid: Cid): string => Buffer.from(cid.bytes.subarray(4)).toString('latin1');

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
      for (const cid of [...proof.cids()]) {
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

  test('an update or delete without prev cannot be undone', () => {
    const { blocks, root } = storedTree([['a/b', valueOf(1)]]);
    expect(() => invertOperations(blocks, root, [{ action: 'update', path: 'a/b', cid: valueOf(1), prev: null }])).toThrow(expect.objectContaining({ code: 'InversionFailed' }));
  });
});

describe('the short way', () => {
  test('comes to what the long way comes to, or passes', () => {
    let [short, passed] = [0, 0];
    fc.assert(fc.property(arbitraryEntries(80), arbitraryKey, (entries, key) => {
      const { blocks, root } = storedTree(entries);
      const { data, ops, proof } = change(blocks, root, [{ kind: 'put', key, value: valueOf(77) }]);
      const undone = undoInPlace(proof, data, ops[0]!);
      if (undone.kind === 'root') short++;
      else passed++;
      if (undone.kind !== 'passed') expect(undone).toEqual({ kind: 'root', digest: digestText(root) });
    }), { numRuns: 500 });
    expect(short).toBeGreaterThan(passed);
  });

  test('undoes every create of a tree that grows and shrinks by one key at a time', () => {
    const keys = [keysOfHeight(0, 6), keysOfHeight(1, 4), keysOfHeight(0, 30).slice(6), keysOfHeight(3, 2), keysOfHeight(2, 3), keysOfHeight(5, 1), keysOfHeight(4, 1)].flat();
    for (let length = 0; length < keys.length; length++) {
      const { blocks, root } = storedTree(keys.slice(0, length).map((key) => [key, valueOf(1)]));
      const { data, ops, proof } = change(blocks, root, [{ kind: 'put', key: keys[length]!, value: valueOf(2) }]);
      const undone = undoInPlace(proof, data, ops[0]!);
      if (undone.kind !== 'passed') expect(undone).toEqual({ kind: 'root', digest: digestText(root) });
      expect(invertOperations(proof, data, ops).equals(root)).toBe(true);
    }
  });

  test('finds that the tree holds another value, or no such key', () => {
    const { blocks, root } = storedTree([...keysOfHeight(0, 20), ...keysOfHeight(2, 1)].map((key) => [key, valueOf(1)]));
    const [there] = keysOfHeight(0, 1) as [string];
    expect(undoInPlace(blocks, root, { action: 'create', path: there, cid: valueOf(2), prev: null })).toEqual({ kind: 'mismatch' });
    expect(undoInPlace(blocks, root, { action: 'update', path: there, cid: valueOf(2), prev: valueOf(1) })).toEqual({ kind: 'mismatch' });
    for (const path of ['a/b', 'z/z', `${there}0`, there.slice(0, -1)]) {
      expect(undoInPlace(blocks, root, { action: 'create', path, cid: valueOf(1), prev: null })).toEqual({ kind: 'mismatch' });
    }
  });

  test('refuses keys that lie outside what their parent says, on both ways', () => {
    const [high] = keysOfHeight(1, 1) as [string];
    const low = keysOfHeight(0, 200);
    const outside = low.find((key) => key > high)!;
    const inside = low.find((key) => key < high)!;
    const child = rawNode(null, [entry(inside), entry(outside, { p: [...inside].findIndex((letter, at) => letter !== outside[at]) })]);
    const { blocks, root } = blocksWith(child, rawNode(blocksWith(child).root, [entry(high)]));
    const op: RepoOp = { action: 'create', path: inside, cid: valueOf(inside.length), prev: null };
    expect(keyHeight(inside)).toBe(0);
    expect(() => undoInPlace(blocks, root, op)).toThrow(expect.objectContaining({ code: 'InvalidMst' }));
    expect(() => invertOperations(blocks, root, [op])).toThrow(expect.objectContaining({ code: 'InvalidMst' }));
  });
});

describe('BlockIndex', () => {
  test('finds thousands of blocks, and none that is not there; forgets them when cleared', () => {
    const count = 5000;
    const bytes = Buffer.concat(Array.from({ length: count }, (_, n) => valueOf(n).bytes));
    const index = new BlockIndex();
    for (let round = 0; round < 2; round++) {
      index.clear(bytes);
      for (let n = 0; n < count; n++) index.add(n * 36, n, n + 1);
      index.add(0, 7, 8);
      expect(index.count).toBe(count);
      for (let n = 0; n < count; n++) expect(index.find(n * 36)).toBe(n);
      expect(index.getBytes(valueOf(3).bytes)).toEqual(bytes.subarray(3, 4));
      expect(index.getBytes(valueOf(count).bytes)).toBeUndefined();
    }
    index.clear(bytes);
    expect(index.find(0)).toBe(-1);
  });
});
