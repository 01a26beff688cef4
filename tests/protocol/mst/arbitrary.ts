/**
 * Random trees and random changes to them, for property tests.
 * Keys come from a small space so that changes meet keys that are there, and heights spread as in life.
 * Place: tests of mst/ and repo/. Source: ours.
 */
import * as fc from 'fast-check';
import type { BlockMap } from '@dunlin/protocol/data/block-map';
import type { Cid } from '@dunlin/protocol/data/cid';
import { Mst } from '@dunlin/protocol/mst/tree';
import { valueOf } from './nodes.ts';

/** A key out of 600: three collections, rkeys of several shapes. */
export const arbitraryKey: fc.Arbitrary<string> = fc.tuple(fc.nat(2), fc.nat(199)).map(([collection, n]) => {
  const rkey = n % 3 === 0 ? `3l${n.toString(32).padStart(11, '2')}` : n % 3 === 1 ? `self${n}` : `${'k'.repeat(n % 40)}-${n}`;
  return `${['app.dunlin.live.reaction', 'app.bsky.feed.post', 'com.example.a'][collection]!}/${rkey}`;
});

/** Entries with different keys, in any order. */
export function arbitraryEntries(maxLength: number): fc.Arbitrary<[string, Cid][]> {
  return fc.uniqueArray(arbitraryKey, { maxLength, size: 'max' }).map((keys) => keys.map((key, index) => [key, valueOf(index % 50)]));
}

/** Gives the tree of these entries. */
export function treeOf(entries: Iterable<readonly [string, Cid]>): Mst {
  const tree = Mst.empty();
  for (const [key, value] of entries) tree.insert(key, value);
  return tree;
}

/** Gives the tree's blocks and root: all of them, as the tree was made from nothing. */
export function storedTree(entries: Iterable<readonly [string, Cid]>): { blocks: BlockMap; root: Cid } {
  const tree = treeOf(entries);
  return { blocks: tree.newBlocks(), root: tree.root() };
}

/** One change to a tree; which of them are possible depends on what is there. */
export interface Change {
  readonly kind: 'put' | 'remove';
  readonly key: string;
  readonly value: Cid;
}

/** Changes to different keys. */
export function arbitraryChanges(maxLength: number): fc.Arbitrary<Change[]> {
  const change = fc.record({ kind: fc.constantFrom('put' as const, 'remove' as const), key: arbitraryKey, value: fc.nat(60).map((n) => valueOf(n)) });
  return fc.uniqueArray(change, { maxLength, size: 'max', selector: ({ key }) => key });
}
