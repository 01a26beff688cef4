import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { BlockMap } from '@dunlin/protocol/data/block-map';
import type { Cid } from '@dunlin/protocol/data/cid';
import { BlockIndex } from '@dunlin/protocol/mst/block-index';
import { invertOperations } from '@dunlin/protocol/mst/invert';
import { keyHeight } from '@dunlin/protocol/mst/key';
import { undoCreate, undoUpdate } from '@dunlin/protocol/mst/undo-one';
import type { RepoOp } from '@dunlin/protocol/repo/operation';
import { arbitraryEntries, arbitraryKey, storedTree } from './arbitrary.ts';
import { change } from './changes.ts';
import { blocksWith, entry, keysOfHeight, rawNode, valueOf } from './nodes.ts';

/** Lays blocks, root, key and CIDs side by side, as they lie in a frame, and undoes the one operation there. */
function undoInPlace(proof: BlockMap, data: Cid, op: RepoOp): string | null {
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

const shared = (a: string, b: string): number => [...a].findIndex((letter, at) => letter !== b[at]);
const digestText = (cid: Cid): string => Buffer.from(cid.bytes.subarray(4)).toString('latin1');

describe('the short way', () => {
  test('comes to the tree before', () => {
    fc.assert(fc.property(arbitraryEntries(80), arbitraryKey, (entries, key) => {
      const { blocks, root } = storedTree(entries);
      const { data, ops, proof } = change(blocks, root, [{ kind: 'put', key, value: valueOf(77) }]);
      expect(undoInPlace(proof, data, ops[0]!)).toBe(digestText(root));
    }), { numRuns: 800 });
  });

  test('undoes every create of a tree that grows and shrinks by one key at a time', () => {
    const keys = [keysOfHeight(0, 6), keysOfHeight(1, 4), keysOfHeight(0, 30).slice(6), keysOfHeight(3, 2), keysOfHeight(2, 3), keysOfHeight(5, 1), keysOfHeight(4, 1)].flat();
    for (let length = 0; length < keys.length; length++) {
      const { blocks, root } = storedTree(keys.slice(0, length).map((key) => [key, valueOf(1)]));
      const { data, ops, proof } = change(blocks, root, [{ kind: 'put', key: keys[length]!, value: valueOf(2) }]);
      expect(undoInPlace(proof, data, ops[0]!)).toBe(digestText(root));
      expect(invertOperations(proof, data, ops).equals(root)).toBe(true);
    }
  });

  test('undoes the create of a key so high that both sides are steps down many layers', () => {
    for (const [heights, top] of [[[0, 0, 0, 0], 4], [[0, 1, 0, 0, 1], 5], [[2, 0, 0], 5], [[3, 0, 1, 0], 4], [[0], 5], [[1, 1, 1, 1], 2]] as const) {
      for (let turn = 0; turn < 6; turn++) {
        const keys = heights.map((height, at) => keysOfHeight(height, turn * 3 + at + 1).at(-1)!);
        const key = keysOfHeight(top, turn % 2 + 1).at(-1)!;
        const { blocks, root } = storedTree([...new Set(keys)].map((other) => [other, valueOf(1)]));
        const { data, ops, proof } = change(blocks, root, [{ kind: 'put', key, value: valueOf(2) }]);
        expect(undoInPlace(proof, data, ops[0]!)).toBe(digestText(root));
      }
    }
  });

  test('undoes creates in trees with long keys and large nodes', () => {
    const long = Array.from({ length: 400 }, (_, n) => `com.example.a/${'x'.repeat(n % 7 === 0 ? 300 : 20)}${n}`);
    const { blocks, root } = storedTree([...long, ...keysOfHeight(0, 400)].map((key) => [key, valueOf(1)]));
    for (const key of [`com.example.a/${'x'.repeat(300)}`, `com.example.a/${'x'.repeat(299)}y`, `com.example.a/${'x'.repeat(20)}1x`, ...keysOfHeight(1, 200).slice(-20), ...keysOfHeight(2, 20).slice(-5)]) {
      const { data, ops, proof } = change(blocks, root, [{ kind: 'put', key, value: valueOf(2) }]);
      expect(undoInPlace(proof, data, ops[0]!)).toBe(digestText(root));
    }
  });

  test('finds that the tree holds another value, or no such key', () => {
    const { blocks, root } = storedTree([...keysOfHeight(0, 20), ...keysOfHeight(2, 1)].map((key) => [key, valueOf(1)]));
    const [there] = keysOfHeight(0, 1) as [string];
    expect(undoInPlace(blocks, root, { action: 'create', path: there, cid: valueOf(2), prev: null })).toBeNull();
    expect(undoInPlace(blocks, root, { action: 'update', path: there, cid: valueOf(2), prev: valueOf(1) })).toBeNull();
    for (const path of ['a/b', 'z/z', `${there}0`, there.slice(0, -1)]) {
      expect(undoInPlace(blocks, root, { action: 'create', path, cid: valueOf(1), prev: null })).toBeNull();
    }
  });

  test('refuses subtrees beside the record whose keys lie on its other side, or beyond the next key', () => {
    const [first, record, last] = keysOfHeight(1, 7).filter((_, at) => at % 3 === 0) as [string, string, string];
    const low = keysOfHeight(0, 400);
    const between = (from: string, to: string): string => low.find((key) => key > from && key < to)!;
    const places = [between('', first), between(first, record), between(record, last), between(last, 'd')];
    const judged = (left: string[], right: string[]): string | null => {
      const children = [left, right].map((keys) => rawNode(null, keys.map((key, at) => entry(key, { p: at && shared(keys[at - 1]!, key) }))));
      const [leftRoot, rightRoot] = children.map((child) => blocksWith(child).root);
      const entries = [first, record, last].map((key, at, keys) => entry(key, { p: at && shared(keys[at - 1]!, key), v: valueOf(1), t: [leftRoot!, rightRoot!, null][at]! }));
      const { blocks, root } = blocksWith(...children, rawNode(null, entries));
      return undoInPlace(blocks, root, { action: 'create', path: record, cid: valueOf(1), prev: null });
    };
    expect(places.every((key) => key !== undefined)).toBe(true);
    expect(judged([places[1]!], [places[2]!])).toHaveLength(32);
    for (const [left, right] of [
      [[places[0]!], [places[2]!]], [[places[0]!, places[1]!], [places[2]!]], [[places[1]!, places[2]!], [places[2]!]],
      [[places[1]!], [places[1]!]], [[places[1]!], [places[1]!, places[2]!]], [[places[1]!], [places[3]!]], [[places[1]!], [places[2]!, places[3]!]],
    ] as const) expect(() => judged([...left], [...right])).toThrow(expect.objectContaining({ code: 'InvalidMst' }));
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
