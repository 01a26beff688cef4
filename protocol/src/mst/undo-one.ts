/**
 * The short way to invert a commit that created or updated one record, which is nearly every commit there is: nodes are read
 * where they lie, the one that holds the record is rewritten without it, the subtrees beside it grow together, and its parents
 * get another link. No node is decoded.
 * Not for deletes nor for several operations: see invert.ts. Checks of every node it reads what flat-path.ts lists.
 * Source: atproto.com/specs/repository "MST Structure"; proposal 0006 "Inductive Firehose".
 */
import { latin1Text } from '../data/cbor-cursor.ts';
import { cidByteLength } from '../data/cid.ts';
import type { BlockIndex } from './block-index.ts';
import { entryWidth, FlatNode, rightOffset, suffixLength, suffixOffset, valueOffset } from './flat-node.ts';
import { checkBetween, FlatPath, KeyBound, readBlock } from './flat-path.ts';
import { emptyTreeDigest } from './node.ts';
import { digestOfJoined, digestWithCid, digestWithLink, digestWithoutEntry, digestWithoutLink, noLink, type DraftLink } from './node-draft.ts';

const path = new FlatPath();
const below = new FlatNode();
/** The nodes that meet when two subtrees grow together, by layer below the record's. */
const leftNodes: FlatNode[] = [];
const rightNodes: FlatNode[] = [];
/** The keys between which they lie; these point into bytes of others. */
const recordKey = new KeyBound();
const low = new KeyBound();
const high = new KeyBound();
/** Digest of the highest joined node that has a key. */
let joinedTop = '';

/**
 * Gives the root's digest (one character a byte) before the update of the record at a key: its value is the CID at `cid`, and was
 * the one at `prev`; all are offsets into the index's bytes. null: the tree does not hold that.
 * @throws ProtocolError MissingBlock, InvalidMst
 */
export function undoUpdate(index: BlockIndex, root: number, keyStart: number, keyEnd: number, cid: number, prev: number): string | null {
  const position = path.descend(index, root, keyStart, keyEnd);
  if (position < 0) return null;
  const node = path.last;
  const value = node.entries[position * entryWidth + valueOffset]!;
  return isSameCid(index.bytes, value, cid) ? rewriteParents(digestWithCid(node, value, prev)) : null;
}

/**
 * Gives the root's digest (one character a byte) before the creation of the record at a key, whose value is the CID at `cid`; all
 * are offsets into the index's bytes. null: the tree does not hold that.
 * @throws ProtocolError MissingBlock, InvalidMst
 */
export function undoCreate(index: BlockIndex, root: number, keyStart: number, keyEnd: number, cid: number): string | null {
  const position = path.descend(index, root, keyStart, keyEnd);
  if (position < 0) return null;
  const node = path.last;
  const base = position * entryWidth;
  if (!isSameCid(index.bytes, node.entries[base + valueOffset]!, cid)) return null;
  const left = position === 0 ? node.left : node.entries[base - entryWidth + rightOffset]!;
  const right = node.entries[base + rightOffset]!;
  let rest: DraftLink = left === noLink ? right : left;
  if (left !== noLink && right !== noLink) {
    path.narrowAround(position);
    setBound(low, path.low.bytes, 0, path.low.length);
    setBound(high, path.high.bytes, 0, path.high.length);
    setBound(recordKey, index.bytes, keyStart, keyEnd - keyStart);
    rest = join(index, left, right, node.height - 1, 0);
  }
  if (node.count > 1) return rewriteParents(digestWithoutEntry(node, position, rest));
  if (path.depth > 0) return rewriteParents(rest === noLink ? null : digestWithoutEntry(node, position, rest));
  if (typeof rest === 'string') return joinedTop;
  return rest === noLink ? emptyTreeDigest : topDigest(index, rest, node.height - 1);
}

/** Joins the subtrees left and right of the record on one layer; `level` counts layers down from the first. */
function join(index: BlockIndex, left: number, right: number, height: number, level: number): DraftLink {
  if (left === noLink) return right;
  if (right === noLink) return left;
  const a = leftNodes[level] ??= new FlatNode();
  const b = rightNodes[level] ??= new FlatNode();
  readBlock(a, index, left, height);
  readBlock(b, index, right, height);
  checkBetween(a, low, recordKey);
  checkBetween(b, recordKey, high);
  if (a.count > 0) setBound(low, a.lastKey, 0, a.lastKeyLength);
  if (b.count > 0) setBound(high, b.bytes, b.entries[suffixOffset]!, b.entries[suffixLength]!);
  const lastLink = a.count === 0 ? a.left : a.entries[(a.count - 1) * entryWidth + rightOffset]!;
  const digest = digestOfJoined(a, b, join(index, lastLink, b.left, height - 1, level + 1));
  if (a.count + b.count > 0) joinedTop = digest;
  return digest;
}

function setBound(bound: KeyBound, bytes: Uint8Array, offset: number, length: number): void {
  bound.bytes = bytes;
  bound.offset = offset;
  bound.length = length;
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
