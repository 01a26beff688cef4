/**
 * The short way to invert a commit that created or updated one record, which is nearly every commit there is: nodes are read
 * where they lie, the one that holds the record is rewritten without it, and its parents get another link.
 * Not for a record between two subtrees, which must grow together again, nor for deletes: see invert.ts.
 * Source: atproto.com/specs/repository "MST Structure"; proposal 0006 "Inductive Firehose".
 */
import { latin1Text } from '../data/cbor-cursor.ts';
import { cidByteLength } from '../data/cid.ts';
import type { BlockIndex } from './block-index.ts';
import { entryWidth, FlatNode, rightOffset, valueOffset } from './flat-node.ts';
import { FlatPath, readBlock } from './flat-path.ts';
import { emptyTreeDigest } from './node.ts';
import { digestWithCid, digestWithLink, digestWithoutEntry, digestWithoutLink } from './node-draft.ts';

/** What undoing one operation came to: the root's digest afterwards (one character a byte), or one of the two words. */
export type Undone =
  | { readonly kind: 'root'; readonly digest: string }
  /** Not a case for the short way. */
  | { readonly kind: 'passed' }
  /** The tree does not hold what the operation says. */
  | { readonly kind: 'mismatch' };

const passed: Undone = { kind: 'passed' };
const mismatch: Undone = { kind: 'mismatch' };
const path = new FlatPath();
const below = new FlatNode();

/**
 * Undoes the update of the record at a key: its value is the CID at `cid`, and was the one at `prev`; offsets into the index's bytes.
 * @throws ProtocolError MissingBlock, InvalidMst
 */
export function undoUpdate(index: BlockIndex, root: number, keyStart: number, keyEnd: number, cid: number, prev: number): Undone {
  const position = path.descend(index, root, keyStart, keyEnd);
  if (position < 0) return mismatch;
  const node = path.last;
  const value = node.entries[position * entryWidth + valueOffset]!;
  if (!isSameCid(index.bytes, value, cid)) return mismatch;
  return { kind: 'root', digest: rewriteParents(digestWithCid(node, value, prev)) };
}

/**
 * Undoes the creation of the record at a key whose value is the CID at `cid`; offsets into the index's bytes.
 * @throws ProtocolError MissingBlock, InvalidMst
 */
export function undoCreate(index: BlockIndex, root: number, keyStart: number, keyEnd: number, cid: number): Undone {
  const position = path.descend(index, root, keyStart, keyEnd);
  if (position < 0) return mismatch;
  const node = path.last;
  const base = position * entryWidth;
  if (!isSameCid(index.bytes, node.entries[base + valueOffset]!, cid)) return mismatch;
  const left = position === 0 ? node.left : node.entries[base - entryWidth + rightOffset]!;
  const right = node.entries[base + rightOffset]!;
  if (left >= 0 && right >= 0) return passed;
  const rest = left >= 0 ? left : right;
  const isAlone = node.count === 1;
  if (isAlone && path.depth === 0) return { kind: 'root', digest: rest < 0 ? emptyTreeDigest : topDigest(index, rest, node.height - 1) };
  return { kind: 'root', digest: rewriteParents(isAlone && rest < 0 ? null : digestWithoutEntry(node, position, rest)) };
}

/** A root that would only lead down gives way: gives the digest of the first node below that has a key. */
function topDigest(index: BlockIndex, link: number, height: number): string {
  let top = link;
  for (let layer = height; ; layer--) {
    readBlock(below, index, top, layer);
    if (below.count > 0) return latin1Text(index.bytes, top + cidByteLength - 32, top + cidByteLength);
    top = below.left;
  }
}

/** Gives every node above the last of the way its new link, or null for none; returns the root's digest. */
function rewriteParents(digest: string | null): string {
  let changed = digest;
  for (let level = path.depth - 1; level >= 0; level--) {
    const parent = path.nodes[level]!;
    const link = path.links[level]!;
    if (changed !== null) changed = digestWithLink(parent, link, changed);
    else if (parent.count > 0) changed = digestWithoutLink(parent, link);
  }
  // A root above others has keys, or it would have been refused, so something is left of it.
  return changed ?? emptyTreeDigest;
}

function isSameCid(bytes: Uint8Array, a: number, b: number): boolean {
  for (let index = cidByteLength - 1; index >= 0; index--) if (bytes[a + index] !== bytes[b + index]) return false;
  return true;
}
