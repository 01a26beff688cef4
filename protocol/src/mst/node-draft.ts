/**
 * Nodes rewritten as bytes: a copy with another link in it, without a link, without an entry. Nothing is decoded; what does not
 * change is copied as it stands.
 * There is one draft at a time: whoever writes it hashes it before the next is begun. Source: atproto.com/specs/repository.
 */
import { sha256Latin1 } from '../crypto/hash.ts';
import { cidByteLength } from '../data/cid.ts';
import { entryOffset, entryWidth, prefixLength, rightOffset, suffixLength, suffixOffset, valueOffset, type FlatNode } from './flat-node.ts';

const digestOffset = 4;
const linkFieldBytes = 41;
const linkHeadBytes = 5;

/** A link to write: the offset of a CID in the node's bytes, the digest of a new node (one character a byte), or noLink. */
export type DraftLink = number | string;

/** Stands for null. */
export const noLink = -1;

const newLinkHead = Uint8Array.of(0xd8, 0x2a, 0x58, 0x25, 0x00, 0x01, 0x71, 0x12, 0x20);

let draft = new Uint8Array(65_536);

/** Gives the digest of a node with the link at `link` going to the node with another digest. */
export function digestWithLink(node: FlatNode, link: number, digest: string): string {
  copyNode(node);
  const at = link - node.start + digestOffset;
  for (let index = 0; index < digest.length; index++) draft[at + index] = digest.charCodeAt(index);
  return hashDraft(node.end - node.start);
}

/** Gives the digest of a node with the CID at `place` replaced by the one at `source` in the same bytes. */
export function digestWithCid(node: FlatNode, place: number, source: number): string {
  copyNode(node);
  for (let index = 0; index < cidByteLength; index++) draft[place - node.start + index] = node.bytes[source + index]!;
  return hashDraft(node.end - node.start);
}

/** Gives the digest of a node with null instead of the link at `link`. */
export function digestWithoutLink(node: FlatNode, link: number): string {
  const field = link - linkHeadBytes - node.start;
  copyNode(node);
  draft[field] = 0xf6;
  draft.copyWithin(field + 1, field + linkFieldBytes, node.end - node.start);
  return hashDraft(node.end - node.start - linkFieldBytes + 1);
}

/** Gives the digest of a node without one entry; `rest` takes the place of the two links beside it. */
export function digestWithoutEntry(node: FlatNode, position: number, rest: DraftLink): string {
  return hashDraft(writeWithout(node, position, rest));
}

/** Gives the digest of two neighbours of one layer as one node, with `middle` between them. */
export function digestOfJoined(left: FlatNode, right: FlatNode, middle: DraftLink): string {
  const { bytes } = left;
  reserve(left.end - left.start + right.end - right.start + 64);
  let at = writeHead(0, 0xa2, 0x65, 0x80, left.count + right.count);
  if (left.count > 0) at = copyEntriesBefore(left, left.count, middle, at);
  if (right.count > 0) {
    const shared = sharedWithLast(left, right);
    const own = right.entries[suffixOffset]! + shared;
    const behind = right.entries[suffixOffset]! + right.entries[suffixLength]!;
    at = writeHead(at, 0xa4, 0x6b, 0x40, behind - own);
    at = copy(bytes, own, behind, at);
    at = writeHead(at, 0, 0x70, 0x00, shared);
    at = copy(bytes, treeField(right.entries, 0) - 2, right.leftField - 2, at);
  }
  at = copy(bytes, left.leftField - 2, left.leftField, at);
  return hashDraft(writeLink(bytes, left.count > 0 ? left.left : middle, at));
}

/** Gives how much the first key of one node shares with the last key of its left neighbour. */
function sharedWithLast({ lastKey, lastKeyLength }: FlatNode, right: FlatNode): number {
  const { bytes, entries } = right;
  const most = Math.min(lastKeyLength, entries[suffixLength]!);
  let shared = 0;
  while (shared < most && lastKey[shared] === bytes[entries[suffixOffset]! + shared]) shared++;
  return shared;
}

/** Copies the first entries up to, not including, one, with `last` as the link right of them; there is at least one. */
function copyEntriesBefore({ bytes, entries }: FlatNode, position: number, last: DraftLink, offset: number): number {
  const base = (position - 1) * entryWidth;
  let at = copy(bytes, entries[entryOffset]!, treeField(entries, base), offset);
  at = writeLink(bytes, last, at);
  return copy(bytes, entries[base + valueOffset]! - 7, entries[base + valueOffset]! + cidByteLength, at);
}

function writeWithout(node: FlatNode, position: number, rest: DraftLink): number {
  const { bytes, entries, count, start } = node;
  const base = position * entryWidth;
  reserve(node.end - start + 64);
  let at = writeHead(0, 0xa2, 0x65, 0x80, count - 1);
  if (position > 0) at = copyEntriesBefore(node, position, rest, at);
  let from = node.leftField - 2;
  if (position + 1 < count) {
    const next = base + entryWidth;
    from = entries[next + entryOffset]!;
    if (entries[next + prefixLength]! > entries[base + prefixLength]!) {
      at = writeJoined(node, base, next, at);
      from = treeField(entries, next) - 2;
    }
  }
  if (position > 0) return copy(bytes, from, node.end, at);
  at = copy(bytes, from, node.leftField, at);
  return writeLink(bytes, rest, at);
}

/** Writes the front of the entry at `next` as it is when the entry at `base` is not before it: it shares only what both shared. */
function writeJoined(node: FlatNode, base: number, next: number, offset: number): number {
  const { bytes, entries } = node;
  const prefix = entries[base + prefixLength]!;
  const borrowed = entries[next + prefixLength]! - prefix;
  const own = entries[next + suffixLength]!;
  let at = writeHead(offset, 0xa4, 0x6b, 0x40, borrowed + own);
  at = copy(bytes, entries[base + suffixOffset]!, entries[base + suffixOffset]! + borrowed, at);
  at = copy(bytes, entries[next + suffixOffset]!, entries[next + suffixOffset]! + own, at);
  return writeHead(at, 0, 0x70, 0x00, prefix);
}

/** Gives where the value of an entry's `t` begins. */
function treeField(entries: Int32Array, base: number): number {
  return entries[base + valueOffset]! - 7 - (entries[base + rightOffset]! < 0 ? 1 : linkFieldBytes);
}

/** Writes an optional map head, a one-letter key and the head of its value. */
function writeHead(offset: number, map: number, letter: number, major: number, length: number): number {
  let at = offset;
  if (map !== 0) draft[at++] = map;
  draft[at++] = 0x61;
  draft[at++] = letter;
  if (length < 24) draft[at++] = major | length;
  else if (length < 0x100) {
    draft[at++] = major | 24;
    draft[at++] = length;
  } else {
    draft[at++] = major | 25;
    draft[at++] = length >>> 8;
    draft[at++] = length & 0xff;
  }
  return at;
}

/** Writes a link with its CBOR around it, or null. */
function writeLink(bytes: Uint8Array, link: DraftLink, offset: number): number {
  if (typeof link === 'string') {
    draft.set(newLinkHead, offset);
    const at = offset + newLinkHead.length;
    for (let index = 0; index < link.length; index++) draft[at + index] = link.charCodeAt(index);
    return at + link.length;
  }
  if (link !== noLink) return copy(bytes, link - linkHeadBytes, link + cidByteLength, offset);
  draft[offset] = 0xf6;
  return offset + 1;
}

function copy(bytes: Uint8Array, from: number, end: number, offset: number): number {
  if (end > from) draft.set(bytes.subarray(from, end), offset);
  return offset + end - from;
}

function copyNode(node: FlatNode): void {
  reserve(node.end - node.start);
  draft.set(node.bytes.subarray(node.start, node.end));
}

function reserve(length: number): void {
  if (draft.length < length) draft = new Uint8Array(length * 2);
}

function hashDraft(length: number): string {
  return sha256Latin1(draft.subarray(0, length));
}
