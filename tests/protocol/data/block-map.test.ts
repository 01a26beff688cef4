import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { utf8Encode } from '@dunlin/protocol/base/bytes';
import { BlockMap } from '@dunlin/protocol/data/block-map';
import { cidForCbor, cidForRaw, cidFromDigest, dagCborCode, parseCid } from '@dunlin/protocol/data/cid';

const block = (index: number): Uint8Array => utf8Encode(`block ${index}`);
const cids = Array.from({ length: 400 }, (_, index) => cidForCbor(block(index)));

test('behaves as a Map from texts, whatever is done to it', () => {
  const step = fc.tuple(fc.constantFrom('set', 'replace', 'delete'), fc.nat({ max: 60 }));
  fc.assert(fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
    const blocks = new BlockMap();
    const model = new Map<string, Uint8Array>();
    for (const [what, index] of steps) {
      const cid = cids[index]!;
      if (what === 'delete') {
        expect(blocks.delete(cid)).toBe(model.delete(cid.toString()));
        continue;
      }
      const bytes = what === 'set' ? block(index) : new Uint8Array(index);
      blocks.set(cid, bytes);
      model.set(cid.toString(), bytes);
    }
    expect([...blocks].map(([cid, bytes]) => [cid.toString(), bytes])).toEqual([...model]);
    expect(blocks.size).toBe(model.size);
    expect(blocks.byteLength).toBe([...model.values()].reduce((sum, bytes) => sum + bytes.length, 0));
    for (const cid of cids.slice(0, 61)) expect(blocks.get(cid)).toBe(model.get(cid.toString()));
  }), { numRuns: 60 });
});

test('grows, keeps its order and finds everything', () => {
  const blocks = new BlockMap();
  for (const [index, cid] of cids.entries()) blocks.set(cid, block(index));
  for (let index = 0; index < cids.length; index += 2) blocks.delete(cids[index]!);
  expect([...blocks.cids()].map(String)).toEqual(cids.filter((_, index) => index % 2 === 1).map(String));
  expect(cids.map((cid) => blocks.has(cid))).toEqual(cids.map((_, index) => index % 2 === 1));
});

test('stays small when blocks come and go', () => {
  const blocks = new BlockMap();
  for (let round = 0; round < 20_000; round++) {
    const cid = cids[round % cids.length]!;
    blocks.set(cid, block(0));
    blocks.delete(cid);
  }
  expect([blocks.size, blocks.byteLength, [...blocks].length]).toEqual([0, 0, 0]);
});

describe('keys', () => {
  test('are found by their raw bytes anywhere in a buffer', () => {
    const blocks = new BlockMap();
    const cid = blocks.add(block(1));
    expect(cid.toString()).toBe(cids[1]!.toString());
    const buffer = new Uint8Array(50);
    buffer.set(cid.bytes, 7);
    expect(blocks.getBytes(buffer, 7)).toEqual(block(1));
    expect(blocks.getBytes(buffer, 8)).toBeUndefined();
    expect(blocks.getBytes(buffer, 20)).toBeUndefined();
  });

  test('are copied, so the caller may change its buffer', () => {
    const blocks = new BlockMap();
    const buffer = cids[0]!.bytes.slice();
    blocks.setBytes(buffer, 0, block(0));
    buffer.fill(0);
    expect(blocks.get(cids[0]!)).toEqual(block(0));
    expect([...blocks.cids()].map(String)).toEqual([cids[0]!.toString()]);
  });

  test('of the same digest but another codec are others', () => {
    const blocks = new BlockMap();
    blocks.set(cidForRaw(block(0)), block(0));
    expect(blocks.has(cidForCbor(block(0)))).toBe(false);
  });

  test('that begin alike are told apart', () => {
    const blocks = new BlockMap();
    const alike = [1, 2, 3].map((last) => cidFromDigest(dagCborCode, new Uint8Array(32).fill(last, 31)));
    for (const [index, cid] of alike.entries()) blocks.set(cid, block(index));
    expect(alike.map((cid) => blocks.get(cid))).toEqual([0, 1, 2].map(block));
  });

  test('that are no CIDs of blocks are never here and cannot be added', () => {
    const other = parseCid('bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi');
    const blocks = new BlockMap();
    expect([blocks.has(other), blocks.get(other), blocks.delete(other)]).toEqual([false, undefined, false]);
    expect(() => blocks.set(other, block(0))).toThrow('cid is not that of a block');
  });
});

test('takes over all blocks of another map', () => {
  const first = new BlockMap();
  const second = new BlockMap();
  first.add(block(1));
  second.add(block(2));
  second.add(block(1));
  second.add(block(3));
  second.delete(cids[3]!);
  first.addAll(second);
  expect([...first.cids()].map(String)).toEqual([cids[1]!, cids[2]!].map(String));
  expect([...first.values()]).toEqual([block(1), block(2)]);
  expect([...second.values()]).toEqual([block(2), block(1)]);
});
