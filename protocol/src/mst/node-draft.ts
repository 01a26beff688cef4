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

/** Gives the digest of a node without one entry; the link at `rest` (−1: null) takes the place of the two beside it. */
export function digestWithoutEntry(node: FlatNode, position: number, rest: number): string {
  return hashDraft(writeWithout(node, position, rest));
}

function writeWithout(node: FlatNode, position: number, rest: number): number {
  const { bytes, entries, count, start } = node;
  const base = position * entryWidth;
  reserve(node.end - start + 64);
  let at = writeHead(0, 0xa2, 0x65, 0x80, count - 1);
  if (position > 0) {
    const before = base - entryWidth;
    const field = treeField(entries, before);
    at = copy(bytes, entries[entryOffset]!, field, at);
    at = writeLink(bytes, rest, at);
    at = copy(bytes, entries[before + valueOffset]! - 7, entries[before + valueOffset]! + cidByteLength, at);
  }
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

/** Writes the link at `link` with its CBOR around it, or null. */
function writeLink(bytes: Uint8Array, link: number, offset: number): number {
  if (link >= 0) return copy(bytes, link - linkHeadBytes, link + cidByteLength, offset);
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
