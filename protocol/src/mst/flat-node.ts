/**
 * An MST node read where it lies: offsets of its parts in the block, no value made. What every reader of nodes stands on.
 * Always checks: exact DAG-CBOR of the one shape a node has, keys valid and strictly ascending, prefixes shared to the last
 * byte, links to dag-cbor, heights of all keys equal, no subtree under layer 0, no node without keys but the empty tree and a step
 * between two layers.
 * Does not check: the block's hash, the layer below, whether the keys fit between the parent's (see invert.ts, walk.ts).
 * Source: atproto.com/specs/repository "MST Structure".
 */
import { ProtocolError } from '../base/errors.ts';
import { keyBytes, keyHeight, maxKeyBytes, slashByte } from './key.ts';

/** Numbers kept for each entry, in this order. */
export const entryOffset = 0, prefixLength = 1, suffixOffset = 2, suffixLength = 3, rightOffset = 4, valueOffset = 5;

/** Numbers an entry takes in `FlatNode.entries`. */
export const entryWidth = 6;

/** Stands for the layer of a root: its own keys say which it is. */
export const rootHeight = -1;

/** Offsets of one node's parts; filled by readNode, and meant to be filled again. */
export class FlatNode {
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  /** Layer, 0 at the bottom. */
  height = rootHeight;
  count = 0;
  /** entryWidth numbers an entry: offset, shared prefix, offset and length of the suffix, offsets of right link (−1: null) and value. */
  entries = new Int32Array(16 * entryWidth);
  /** Offset of the CBOR of `l`, and of the CID in it; −1: null. */
  leftField = 0;
  left = -1;
  /** The last key read, whole. */
  readonly lastKey = new Uint8Array(maxKeyBytes);
  lastKeyLength = 0;
}

function fail(fact: string, at: number): never {
  throw new ProtocolError('InvalidMst', `${fact}: offset=${at}`);
}

/**
 * Reads the node in `bytes` from `start` up to `end`. `height` is the layer it must be on; rootHeight for the root of a tree.
 * @throws ProtocolError InvalidMst when anything above under "Always checks" fails
 */
export function readNode(node: FlatNode, bytes: Uint8Array, start: number, end: number, height: number): void {
  node.bytes = bytes;
  node.start = start;
  node.end = end;
  node.height = height;
  node.lastKeyLength = 0;
  if (bytes[start] !== 0xa2 || bytes[start + 1] !== 0x61 || bytes[start + 2] !== 0x65) fail('not a node', start);
  let at = readCount(node, start + 3);
  const { count } = node;
  if (count * entryWidth > node.entries.length) node.entries = new Int32Array(count * 2 * entryWidth);
  let slash = -1;
  for (let index = 0, base = 0; index < count; index++, base += entryWidth) {
    at = readEntry(node, base, at);
    slash = takeKey(node, base, slash);
    checkHeight(node, at);
  }
  if (bytes[at] !== 0x61 || bytes[at + 1] !== 0x6c) fail('node has no left link', at);
  node.leftField = at + 2;
  at = readLink(bytes, at + 2, true);
  node.left = at - node.leftField === 1 ? -1 : node.leftField + 5;
  if (at !== end) fail('node does not end where its block ends', at);
  if (count === 0) checkKeyless(node, height);
  if (node.height === 0) checkBottom(node);
}

function readCount(node: FlatNode, at: number): number {
  const { bytes } = node;
  const lead = bytes[at]!;
  let behind = at + 1;
  if (lead >= 0x80 && lead < 0x98) node.count = lead - 0x80;
  else if (lead === 0x98 && bytes[at + 1]! >= 24) {
    node.count = bytes[at + 1]!;
    behind = at + 2;
  } else if (lead === 0x99 && bytes[at + 1]! > 0) {
    node.count = bytes[at + 1]! * 256 + bytes[at + 2]!;
    behind = at + 3;
  } else fail('node has no list of entries', at);
  return behind;
}

/** Reads `{k, p, t, v}` from `at` into the numbers from `base`; gives the offset behind it. */
function readEntry(node: FlatNode, base: number, at: number): number {
  const { bytes, entries } = node;
  if (bytes[at] !== 0xa4 || bytes[at + 1] !== 0x61 || bytes[at + 2] !== 0x6b) fail('entry has no key', at);
  const lead = bytes[at + 3]!;
  let offset = at + 4;
  let length = lead - 0x40;
  if (lead === 0x58) {
    length = bytes[offset++]!;
    if (length < 24) fail('key length is not in its shortest form', at);
  } else if (lead === 0x59) {
    length = bytes[offset]! * 256 + bytes[offset + 1]!;
    offset += 2;
    if (length < 256) fail('key length is not in its shortest form', at);
  } else if (length < 0 || length > 23) fail('key is not a byte string', at);
  entries[base + entryOffset] = at;
  entries[base + suffixOffset] = offset;
  entries[base + suffixLength] = length;
  offset = readPrefix(node, base, offset + length);
  if (bytes[offset] !== 0x61 || bytes[offset + 1] !== 0x74) fail('entry has no tree link', offset);
  const right = offset + 2;
  offset = readLink(bytes, right, true);
  entries[base + rightOffset] = offset - right === 1 ? -1 : right + 5;
  if (bytes[offset] !== 0x61 || bytes[offset + 1] !== 0x76) fail('entry has no value', offset);
  entries[base + valueOffset] = offset + 7;
  offset = readLink(bytes, offset + 2, false);
  if (offset > node.end) fail('node is cut short', at);
  return offset;
}

function readPrefix(node: FlatNode, base: number, at: number): number {
  const { bytes } = node;
  if (bytes[at] !== 0x61 || bytes[at + 1] !== 0x70) fail('entry has no prefix length', at);
  let prefix = bytes[at + 2]!;
  let behind = at + 3;
  if (prefix === 0x18) {
    prefix = bytes[behind++]!;
    if (prefix < 24) fail('prefix length is not in its shortest form', at);
  } else if (prefix === 0x19) {
    prefix = bytes[behind]! * 256 + bytes[behind + 1]!;
    behind += 2;
    if (prefix < 256) fail('prefix length is not in its shortest form', at);
  } else if (!(prefix < 24)) fail('prefix length is not a number', at);
  node.entries[base + prefixLength] = prefix;
  return behind;
}

/** Steps over a link to dag-cbor, or over a null where that may be. */
function readLink(bytes: Uint8Array, at: number, mayBeNull: boolean): number {
  if (mayBeNull && bytes[at] === 0xf6) return at + 1;
  const isLink = bytes[at] === 0xd8 && bytes[at + 1] === 0x2a && bytes[at + 2] === 0x58 && bytes[at + 3] === 0x25 && bytes[at + 4] === 0
    && bytes[at + 5] === 1 && bytes[at + 6] === 0x71 && bytes[at + 7] === 0x12 && bytes[at + 8] === 0x20;
  if (!isLink) fail('not a link to dag-cbor', at);
  return at + 41;
}

/** Puts the entry's whole key into `lastKey`, which holds the key before; gives where its slash is. `slash` is where that one's was. */
function takeKey(node: FlatNode, base: number, slash: number): number {
  const { bytes, entries, lastKey, lastKeyLength } = node;
  const prefix = entries[base + prefixLength]!;
  const from = entries[base + suffixOffset]!;
  const length = entries[base + suffixLength]!;
  const whole = prefix + length;
  if (prefix > lastKeyLength) fail('prefix is longer than the key before', from);
  if (whole > maxKeyBytes) fail('key is too long', from);
  if (length === 0 || (prefix < lastKeyLength && bytes[from]! <= lastKey[prefix]!)) fail('keys do not ascend, or share more than their prefix', from);
  let slashAt = slash < prefix ? slash : -1;
  for (let index = 0; index < length; index++) {
    const byte = bytes[from + index]!;
    if (keyBytes[byte] === 0) {
      if (byte !== slashByte || slashAt >= 0) fail('key has a character that no key has', from + index);
      slashAt = prefix + index;
    }
    lastKey[prefix + index] = byte;
  }
  if (slashAt < 1 || slashAt === whole - 1) fail('key is not a collection and a record key', from);
  node.lastKeyLength = whole;
  return slashAt;
}

function checkHeight(node: FlatNode, at: number): void {
  const height = keyHeight(node.lastKey.subarray(0, node.lastKeyLength));
  if (node.height === rootHeight) node.height = height;
  else if (node.height !== height) fail('key stands on a layer that is not its own', at);
}

/** A node without keys is the empty tree, or a step between two layers; a root is never a step. */
function checkKeyless(node: FlatNode, height: number): void {
  const isRoot = height === rootHeight;
  if (isRoot && node.left >= 0) fail('root without keys above a subtree', node.start);
  if (!isRoot && node.left < 0) fail('empty node inside a tree', node.start);
  if (isRoot) node.height = 0;
}

function checkBottom(node: FlatNode): void {
  if (node.left >= 0) fail('subtree below the bottom layer', node.start);
  for (let index = 0; index < node.count; index++) {
    if (node.entries[index * entryWidth + rightOffset]! >= 0) fail('subtree below the bottom layer', node.start);
  }
}
