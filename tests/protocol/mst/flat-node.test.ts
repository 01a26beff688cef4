import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForRaw, parseCid } from '@dunlin/protocol/data/cid';
import { FlatNode, readNode, rootHeight } from '@dunlin/protocol/mst/flat-node';
import { decodeNode, encodeNode, linkForBlock } from '@dunlin/protocol/mst/node';
import { entry, keysOfHeight, rawNode, valueOf, type RawEntry } from './nodes.ts';

const invalid = expect.objectContaining({ name: 'ProtocolError', code: 'InvalidMst' });
const read = (bytes: Uint8Array, height = rootHeight): FlatNode => {
  const node = new FlatNode();
  readNode(node, bytes, 0, bytes.length, height);
  return node;
};
const [low, lower, lowest] = keysOfHeight(0, 3) as [string, string, string];
const [high] = keysOfHeight(1, 1) as [string];
const shared = (a: string, b: string): number => [...a].findIndex((letter, index) => letter !== b[index]);
const second = (o: { p?: number } = {}): RawEntry => entry(lower, { p: o.p ?? shared(low, lower) });
const subtree = valueOf(99);

describe('readNode', () => {
  test('reads the empty tree', () => {
    expect(read(rawNode(null, []))).toMatchObject({ count: 0, left: -1, height: 0 });
    expect(Buffer.from(rawNode(null, [])).toString('hex')).toBe('a2616580616cf6');
    expect(valueOf(0).code).toBe(0x71);
    expect(linkForBlock(rawNode(null, []))).toEqual(Uint8Array.from(parseCid('bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm').bytes));
  });

  test('finds every part of a node', () => {
    const bytes = rawNode(subtree, [entry(high, { t: subtree })]);
    const node = read(bytes);
    expect(node).toMatchObject({ count: 1, height: 1, lastKeyLength: high.length });
    expect(bytes.subarray(node.left, node.left + 36)).toEqual(Uint8Array.from(subtree.bytes));
    expect(read(bytes, 1).height).toBe(1);
  });

  test('reads a node in the middle of other bytes', () => {
    const bytes = rawNode(null, [entry(low), second()]);
    const node = new FlatNode();
    readNode(node, Buffer.concat([new Uint8Array(5), bytes, new Uint8Array(3)]), 5, 5 + bytes.length, 0);
    expect(node.count).toBe(2);
    expect(() => readNode(node, Buffer.concat([bytes, bytes]), 0, bytes.length - 1, 0)).toThrow(invalid);
    expect(() => readNode(node, Buffer.concat([bytes, bytes]), 0, bytes.length + 1, 0)).toThrow(invalid);
  });

  const p = shared(low, lower);
  test.each<[string, Uint8Array, number?]>([
    ['keys in the wrong order', rawNode(null, [entry(lower), entry(low, { p })])],
    ['the same key twice', rawNode(null, [entry(low), entry(low, { p: low.length })])],
    ['a shared prefix spelled out', rawNode(null, [entry(low), second({ p: p - 1 })])],
    ['a prefix longer than what is shared', rawNode(null, [entry(low), { ...entry(lower, { p }), p: p + 1 }])],
    ['a prefix longer than the key before', rawNode(null, [entry(low), { ...second(), p: 1000 }])],
    ['a prefix on the first key', rawNode(null, [{ ...entry(low), p: 3 }])],
    ['a negative prefix', rawNode(null, [{ ...entry(low), p: -1 }])],
    ['keys of two heights', rawNode(null, [low, high].toSorted().map((key, index, keys) => entry(key, { p: index && shared(keys[0]!, key) })))],
    ['a key on another layer than asked for', rawNode(null, [entry(low)]), 1],
    ['an empty node that is not the root', rawNode(null, []), 0],
    ['a root without keys', rawNode(subtree, [])],
    ['a step on the bottom layer', rawNode(subtree, []), 0],
    ['a left subtree below the bottom layer', rawNode(subtree, [entry(low)])],
    ['a right subtree below the bottom layer', rawNode(null, [entry(low, { t: subtree })])],
    ['a null value', rawNode(null, [{ ...entry(low), v: null }])],
    ['a value that is a raw block', rawNode(null, [entry(low, { v: cidForRaw(new Uint8Array(1)) })])],
    ['a subtree that is a raw block', rawNode(null, [entry(high, { t: cidForRaw(new Uint8Array(1)) })])],
    ['a key as text', rawNode(null, [{ ...entry(low), k: low }])],
    ['a prefix as text', rawNode(null, [{ ...entry(low), p: '0' }])],
    ['an entry with a field more', rawNode(null, [{ ...entry(low), x: 1 }])],
    ['an entry with a field less', rawNode(null, [{ p: 0, k: new Uint8Array(1), v: subtree }])],
    ['a node with a field more', encode({ l: null, e: [entry(low)], x: 1 })],
    ['a node with a field less', encode({ e: [entry(low)] })],
    ['a list', encode([])],
    ['entries that are a map', encode({ l: null, e: {} })],
    ['entries that are numbers', rawNode(null, [1])],
    ['left as a number', encode({ l: 1, e: [] })],
  ])('refuses %s', (_what, bytes, height = rootHeight) => {
    expect(() => read(bytes, height)).toThrow(invalid);
  });

  test.each(['', 'a', '/a', 'a/', 'a/b/c', 'a/b c', 'a/\u00e9', `a/${'b'.repeat(1023)}`])('refuses the key %.20j', (key) => {
    expect(() => read(rawNode(null, [entry(key)]))).toThrow(invalid);
  });

  test('a key of 1,024 bytes is read', () => {
    const key = `a/${'b'.repeat(1022)}`;
    expect(read(rawNode(null, [entry(key)])).lastKeyLength).toBe(1024);
  });

  test('refuses what a shared prefix must not do: cross the slash twice, or lose it', () => {
    expect(() => read(rawNode(null, [entry('a/b'), { ...entry('a/c', { p: 2 }), k: new TextEncoder().encode('c/') }]))).toThrow(invalid);
    expect(() => read(rawNode(null, [entry('a/b'), { ...entry('b'), p: 0 }]))).toThrow(invalid);
  });

  test('refuses lengths that are not in their shortest form', () => {
    const bytes = rawNode(null, [entry(low)]);
    const at = (index: number, ...replacement: number[]): Uint8Array => Buffer.concat([bytes.subarray(0, index), Uint8Array.from(replacement), bytes.subarray(index + 1)]);
    expect(bytes[3]).toBe(0x81);
    expect(() => read(at(3, 0x98, 0x01))).toThrow(invalid);
    expect(() => read(at(3, 0x9f))).toThrow(invalid);
    const prefix = Buffer.from(bytes).indexOf(Uint8Array.of(0x61, 0x70, 0x00)) + 2;
    expect(bytes[prefix]).toBe(0);
    expect(() => read(at(prefix, 0x18, 0x00))).toThrow(invalid);
    expect(() => read(at(prefix, 0x19, 0x00, 0x00))).toThrow(invalid);
  });

  test('every cut and every changed byte is refused, or is another valid node', () => {
    const bytes = rawNode(null, [entry(low), second(), entry(lowest, { p: shared(lower, lowest) })]);
    for (let length = 0; length < bytes.length; length++) expect(() => read(bytes.subarray(0, length))).toThrow(invalid);
    fc.assert(fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
      const changed = Uint8Array.from(bytes);
      changed[at] = changed[at]! ^ mask;
      try {
        const node = decodeNode(changed, linkForBlock(changed), rootHeight);
        expect(encodeNode(node)).toEqual(changed);
      } catch (error) {
        expect(error).toEqual(invalid);
      }
    }));
  });

  test('hundreds of entries, long prefixes and long keys come back as they were written', () => {
    const keys = [...keysOfHeight(0, 400), `com.example.record/${'x'.repeat(300)}0`];
    const long = Array.from({ length: 40 }, (_, index) => `com.example.record/${'y'.repeat(290)}${index + 10}`);
    const zero = [...keys, ...long].filter((key) => { try { read(rawNode(null, [entry(key)]), 0); return true; } catch { return false; } }).toSorted();
    const node = { height: 0, keys: zero, values: zero.map((_, index) => valueOf(index).bytes), subtrees: [null, ...zero.map(() => null)], link: null, bytes: null, isStored: false };
    const bytes = encodeNode(node);
    const decoded = decodeNode(bytes, linkForBlock(bytes), 0);
    expect(decoded.keys).toEqual(zero);
    expect(decoded.keys.some((key) => key.length > 300)).toBe(true);
    expect(encodeNode(decoded)).toEqual(bytes);
    expect(bytes.subarray(3, 5)).toEqual(Uint8Array.of(0x99, zero.length >> 8));
  });
});
