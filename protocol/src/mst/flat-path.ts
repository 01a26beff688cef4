/**
 * The way from a root to a key through nodes read where they lie, with everything checked that a node on the way can tell.
 * Always checks, of each node: what readNode checks, its layer, that its keys lie between the parent's keys around it.
 * Place: the short way of inverting a commit (undo-one.ts). Source: atproto.com/specs/repository "MST Structure".
 */
import { ProtocolError } from '../base/errors.ts';
import type { BlockIndex } from './block-index.ts';
import { entryWidth, FlatNode, prefixLength, readNode, rightOffset, rootHeight, suffixLength, suffixOffset } from './flat-node.ts';
import { maxKeyBytes } from './key.ts';

/** Keys around the subtree that is gone into next, and their lengths; −1: no key on that side. Filled anew by each descent. */
const lowKey = new Uint8Array(maxKeyBytes);
const highKey = new Uint8Array(maxKeyBytes);
let lowLength = -1;
let highLength = -1;

/** The nodes gone through. Made to be filled again. */
export class FlatPath {
  /** The root first; those behind `depth` are left from before. */
  readonly nodes: FlatNode[] = [new FlatNode()];
  /** Where in each node's bytes the link to the next one lies. */
  readonly links: number[] = [];
  depth = 0;

  /** The last node of the way. */
  get last(): FlatNode {
    return this.nodes[this.depth]!;
  }

  /**
   * Goes from the root whose CID is at `root` to the key from `keyStart` up to `keyEnd`, all in the index's bytes.
   * @returns the number of the key's entry in `last`; −1 when it is not in the tree
   * @throws ProtocolError MissingBlock, InvalidMst
   */
  descend(index: BlockIndex, root: number, keyStart: number, keyEnd: number): number {
    let link = root;
    let height = rootHeight;
    lowLength = -1;
    highLength = -1;
    for (this.depth = 0; ; this.depth++) {
      const node = this.nodes[this.depth] ??= new FlatNode();
      readBlock(node, index, link, height);
      checkBounds(node);
      const found = findKey(node, keyStart, keyEnd);
      if (found >= 0) return found;
      const position = ~found;
      link = position === 0 ? node.left : node.entries[(position - 1) * entryWidth + rightOffset]!;
      if (link < 0) return -1;
      this.links[this.depth] = link;
      narrowBounds(node, position);
      height = node.height - 1;
    }
  }
}

/**
 * Reads the node whose CID is at `link`.
 * @throws ProtocolError MissingBlock, InvalidMst
 */
export function readBlock(node: FlatNode, index: BlockIndex, link: number, height: number): void {
  const block = index.find(link);
  if (block < 0) throw new ProtocolError('MissingBlock', `node is missing: offset=${link}`);
  readNode(node, index.bytes, index.starts[block]!, index.ends[block]!, height);
}

/** Gives the number of the entry with the key, or the complement of the first one behind it. Keys are compared by their suffixes. */
function findKey(node: FlatNode, keyStart: number, keyEnd: number): number {
  const { bytes, entries, count } = node;
  /** How much of the key the entry before shares with it, that entry being smaller. */
  let matched = keyStart;
  for (let position = 0, base = 0; position < count; position++, base += entryWidth) {
    const shared = keyStart + entries[base + prefixLength]!;
    if (shared > matched) continue;
    if (shared < matched) return ~position;
    let at = entries[base + suffixOffset]!;
    const end = at + entries[base + suffixLength]!;
    while (at < end && matched < keyEnd && bytes[at] === bytes[matched]) {
      at++;
      matched++;
    }
    if (at === end && matched === keyEnd) return position;
    if (at < end && (matched === keyEnd || bytes[at]! > bytes[matched]!)) return ~position;
  }
  return ~count;
}

/** The first and the last key must lie between those around the link that led here. */
function checkBounds(node: FlatNode): void {
  if (node.count === 0) return;
  const { bytes, entries, lastKey, lastKeyLength } = node;
  const first = entries[suffixOffset]!;
  const isAbove = lowLength < 0 || compare(bytes, first, entries[suffixLength]!, lowKey, lowLength) > 0;
  const isBelow = highLength < 0 || compare(lastKey, 0, lastKeyLength, highKey, highLength) < 0;
  if (!isAbove || !isBelow) throw new ProtocolError('InvalidMst', 'key does not lie between the keys around its node');
}

function compare(a: Uint8Array, aStart: number, aLength: number, b: Uint8Array, bLength: number): number {
  const length = Math.min(aLength, bLength);
  for (let index = 0; index < length; index++) {
    const difference = a[aStart + index]! - b[index]!;
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}

/** Takes the keys before and at `position` as the bounds of what lies between them. */
function narrowBounds(node: FlatNode, position: number): void {
  const { bytes, entries, count } = node;
  for (let entry = 0; entry < position; entry++) lowLength = takeSuffix(bytes, entries, entry * entryWidth, lowKey);
  if (position === count) return;
  const shared = entries[position * entryWidth + prefixLength]!;
  for (let index = 0; index < shared; index++) highKey[index] = lowKey[index]!;
  highLength = takeSuffix(bytes, entries, position * entryWidth, highKey);
}

function takeSuffix(bytes: Uint8Array, entries: Int32Array, base: number, key: Uint8Array): number {
  const prefix = entries[base + prefixLength]!;
  const from = entries[base + suffixOffset]!;
  const length = entries[base + suffixLength]!;
  for (let index = 0; index < length; index++) key[prefix + index] = bytes[from + index]!;
  return prefix + length;
}
