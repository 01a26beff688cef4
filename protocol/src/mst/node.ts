/**
 * An MST node as values, for trees that change: keys as texts, CIDs as 36 bytes, subtrees loaded only when somebody goes there.
 * Everything that makes or reads such a node's bytes is here; what moves keys between nodes is in insert.ts and remove.ts.
 * Source: atproto.com/specs/repository "MST Structure".
 */
import { assert } from '../base/assert.ts';
import { ProtocolError } from '../base/errors.ts';
import { maxBlockBytes } from '../base/limits.ts';
import type { BlockSource } from '../data/block-map.ts';
import { cidByteLength, cidAt, dagCborCode } from '../data/cid.ts';
import { latin1Text } from '../data/cbor-cursor.ts';
import { sha256Latin1 } from '../crypto/hash.ts';
import { entryWidth, FlatNode, prefixLength, readNode, rightOffset, suffixLength, suffixOffset, valueOffset } from './flat-node.ts';

/** The binary CID of a node or record, 36 bytes; not to be changed. */
export type Link = Uint8Array;

/** A subtree: loaded, or the link it would be loaded by; null where there is none. */
export type Subtree = MstNode | Link | null;

/** A node. `subtrees[i]` lies left of `keys[i]`, and one more lies right of the last key. */
export interface MstNode {
  readonly height: number;
  readonly keys: string[];
  readonly values: Link[];
  readonly subtrees: Subtree[];
  /** Its CID and bytes; null while it has changed since. */
  link: Link | null;
  bytes: Uint8Array | null;
  /** True while it is as the source gave it. */
  isStored: boolean;
}

/** Where nodes' blocks come from, asked by binary CID. */
export interface NodeBlocks {
  getBytes(cidBytes: Uint8Array, offset?: number): Uint8Array | undefined;
}

/** Makes blocks that are asked by Cid answer by its bytes. */
export function nodeBlocksOf(source: BlockSource & Partial<NodeBlocks>): NodeBlocks {
  if (source.getBytes !== undefined) return source as NodeBlocks;
  return { getBytes: (bytes, offset = 0) => source.get(cidAt(bytes, offset)) };
}

/** Gives a new node that is not stored anywhere. */
export function newNode(height: number, keys: string[], values: Link[], subtrees: Subtree[]): MstNode {
  return { height, keys, values, subtrees, link: null, bytes: null, isStored: false };
}

/** Tells whether a node holds nothing at all: the empty tree, or what a removal leaves behind. */
export function isEmptyNode(node: MstNode): boolean {
  return node.keys.length === 0 && node.subtrees[0] === null;
}

/**
 * Loads the node behind a link; `height` as for readNode.
 * @throws ProtocolError MissingBlock when the source does not have it
 * @throws ProtocolError InvalidMst when it is not a node that may stand there
 */
export function loadNode(blocks: NodeBlocks, link: Link, height: number): MstNode {
  const bytes = blocks.getBytes(link);
  if (bytes === undefined) throw new ProtocolError('MissingBlock', `node is missing: cid=${cidAt(link, 0).toString()}`);
  return decodeNode(bytes, link, height);
}

/** Gives the index of the first key that is not below `key`. */
export function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

const flat = new FlatNode();
const keyBuffer = new Uint8Array(flat.lastKey.length);

/** Gives the node in a block; `height` and faults as for readNode. Keeps views into `bytes`. */
export function decodeNode(bytes: Uint8Array, link: Link, height: number): MstNode {
  readNode(flat, bytes, 0, bytes.length, height);
  const { count, entries, left } = flat;
  const keys: string[] = [];
  const values: Link[] = [];
  const subtrees: Subtree[] = [left < 0 ? null : bytes.subarray(left, left + cidByteLength)];
  for (let base = 0; base < count * entryWidth; base += entryWidth) {
    const prefix = entries[base + prefixLength]!;
    const from = entries[base + suffixOffset]!;
    const length = entries[base + suffixLength]!;
    for (let index = 0; index < length; index++) keyBuffer[prefix + index] = bytes[from + index]!;
    keys.push(latin1Text(keyBuffer, 0, prefix + length));
    const value = entries[base + valueOffset]!;
    values.push(bytes.subarray(value, value + cidByteLength));
    const right = entries[base + rightOffset]!;
    subtrees.push(right < 0 ? null : bytes.subarray(right, right + cidByteLength));
  }
  return { height: flat.height, keys, values, subtrees, link, bytes, isStored: true };
}

/** Where a node's block is put together; what is given away is a copy. */
let target = new Uint8Array(65_536);

/**
 * Gives the block of a node whose subtrees all have links.
 * @throws ProtocolError BlocksTooBig when it goes far beyond what a block may be
 */
export function encodeNode(node: MstNode): Uint8Array {
  const { keys, values, subtrees } = node;
  let at = writeHead(target, 0, 0xa2, 'e', 0x80, keys.length);
  let before = '';
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index]!;
    if (at > maxBlockBytes) throw new ProtocolError('BlocksTooBig', `node too big: keys=${keys.length} max=${maxBlockBytes} bytes`);
    if (at + key.length + 200 > target.length) growTarget();
    const prefix = sharedPrefix(before, key);
    at = writeHead(target, at, 0xa4, 'k', 0x40, key.length - prefix);
    for (let from = prefix; from < key.length; from++) target[at++] = key.charCodeAt(from);
    at = writeHead(target, at, 0, 'p', 0x00, prefix);
    at = writeLink(target, at, 't', linkOf(subtrees[index + 1]!));
    at = writeLink(target, at, 'v', values[index]!);
    before = key;
  }
  at = writeLink(target, at, 'l', linkOf(subtrees[0]!));
  return target.slice(0, at);
}

function growTarget(): void {
  const larger = new Uint8Array(target.length * 2);
  larger.set(target);
  target = larger;
}

/** Gives the number of characters that two keys share at their front. */
export function sharedPrefix(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  return length;
}

/** Gives the link of a subtree that has one. */
export function linkOf(subtree: Subtree): Link | null {
  if (subtree === null || subtree instanceof Uint8Array) return subtree;
  assert(subtree.link !== null, 'subtree has changed and has no link yet');
  return subtree.link;
}

/** Writes an optional map head, a one-letter key and the head of its value. */
function writeHead(target: Uint8Array, offset: number, map: number, key: string, major: number, length: number): number {
  let at = offset;
  if (map !== 0) target[at++] = map;
  target[at++] = 0x61;
  target[at++] = key.charCodeAt(0);
  if (length < 24) target[at++] = major | length;
  else if (length < 0x100) {
    target[at++] = major | 24;
    target[at++] = length;
  } else {
    target[at++] = major | 25;
    target[at++] = length >>> 8;
    target[at++] = length & 0xff;
  }
  return at;
}

function writeLink(target: Uint8Array, offset: number, key: string, link: Link | null): number {
  let at = offset;
  target[at++] = 0x61;
  target[at++] = key.charCodeAt(0);
  if (link === null) {
    target[at++] = 0xf6;
    return at;
  }
  target[at++] = 0xd8;
  target[at++] = 0x2a;
  target[at++] = 0x58;
  target[at++] = 0x25;
  target[at++] = 0x00;
  target.set(link, at);
  return at + cidByteLength;
}

/** Gives the binary CID of a DAG-CBOR block. */
export function linkForBlock(bytes: Uint8Array): Link {
  const digest = sha256Latin1(bytes);
  const link = new Uint8Array(cidByteLength);
  link[0] = 1;
  link[1] = dagCborCode;
  link[2] = 0x12;
  link[3] = 0x20;
  for (let index = 0; index < 32; index++) link[4 + index] = digest.charCodeAt(index);
  return link;
}

/**
 * Gives every changed node below and at `node` its bytes and link, deepest first; returns the link of `node`.
 * @throws ProtocolError BlocksTooBig when a node outgrows what a block may be (tens of thousands of keys chosen for one layer)
 */
export function sealNode(node: MstNode): Link {
  if (node.link !== null) return node.link;
  for (const subtree of node.subtrees) if (subtree !== null && !(subtree instanceof Uint8Array)) sealNode(subtree);
  node.bytes = encodeNode(node);
  if (node.bytes.length > maxBlockBytes) throw new ProtocolError('BlocksTooBig', `node too big: bytes=${node.bytes.length} max=${maxBlockBytes}`);
  node.link = linkForBlock(node.bytes);
  return node.link;
}

/** Digest of the root of the empty tree, one character a byte. */
export const emptyTreeDigest = sha256Latin1(encodeNode(newNode(0, [], [], [null])));
