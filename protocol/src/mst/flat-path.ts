/**
 * The way from a root to a key through nodes read where they lie, with everything checked that a node on the way can tell.
 * Always checks, of each node: what readNode checks, its layer, that its keys lie between the parent's keys around it.
 * Place: the short way of inverting a commit (undo-one.ts). Source: atproto.com/specs/repository "MST Structure".
 */
import { ProtocolError } from '../base/errors.ts';
import type { BlockIndex } from './block-index.ts';
import { entryWidth, FlatNode, prefixLength, readNode, rightOffset, rootHeight, suffixLength, suffixOffset } from './flat-node.ts';
import { maxKeyBytes } from './key.ts';

/** A key that others must lie above or below; a negative length: there is none on that side. */
export class KeyBound {
  bytes: Uint8Array = new Uint8Array(maxKeyBytes);
  offset = 0;
  length = -1;
}

/** The nodes gone through. Made to be filled again. */
export class FlatPath {
  /** The root first; those behind `depth` are left from before. */
  readonly nodes: FlatNode[] = [new FlatNode()];
  /** Where in each node's bytes the link to the next one lies. */
  readonly links: number[] = [];
  depth = 0;
  /** The keys around the last node, as its parents have them. */
  readonly low = new KeyBound();
  readonly high = new KeyBound();

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
    this.low.length = -1;
    this.high.length = -1;
    for (this.depth = 0; ; this.depth++) {
      const node = this.nodes[this.depth] ??= new FlatNode();
      readBlock(node, index, link, height);
      checkBetween(node, this.low, this.high);
      const found = findKey(node, keyStart, keyEnd);
      if (found >= 0) return found;
      const position = ~found;
      link = position === 0 ? node.left : node.entries[(position - 1) * entryWidth + rightOffset]!;
      if (link < 0) return -1;
      this.links[this.depth] = link;
      this.#narrowLow(node, position);
      if (position < node.count) this.#narrowHigh(node, position);
      height = node.height - 1;
    }
  }

  /** Takes the keys before and behind an entry of the last node as the bounds, for what lies beside that entry. */
  narrowAround(position: number): void {
    const node = this.last;
    this.#narrowLow(node, position);
    if (position + 1 === node.count) return;
    this.#narrowHigh(node, position);
    this.high.length = takeSuffix(node, position + 1, this.high.bytes);
  }

  #narrowLow(node: FlatNode, position: number): void {
    for (let entry = 0; entry < position; entry++) this.low.length = takeSuffix(node, entry, this.low.bytes);
  }

  #narrowHigh(node: FlatNode, position: number): void {
    const shared = node.entries[position * entryWidth + prefixLength]!;
    for (let index = 0; index < shared; index++) this.high.bytes[index] = this.low.bytes[index]!;
    this.high.length = takeSuffix(node, position, this.high.bytes);
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

/**
 * The first and the last key of a node must lie between two others.
 * @throws ProtocolError InvalidMst when they do not
 */
export function checkBetween(node: FlatNode, low: KeyBound, high: KeyBound): void {
  if (node.count === 0) return;
  const { bytes, entries, lastKey, lastKeyLength } = node;
  const isAbove = low.length < 0 || compareKeys(bytes, entries[suffixOffset]!, entries[suffixLength]!, low) > 0;
  const isBelow = high.length < 0 || compareKeys(lastKey, 0, lastKeyLength, high) < 0;
  if (!isAbove || !isBelow) throw new ProtocolError('InvalidMst', 'key does not lie between the keys around its node');
}

function compareKeys(bytes: Uint8Array, offset: number, length: number, bound: KeyBound): number {
  const most = Math.min(length, bound.length);
  for (let index = 0; index < most; index++) {
    const difference = bytes[offset + index]! - bound.bytes[bound.offset + index]!;
    if (difference !== 0) return difference;
  }
  return length - bound.length;
}

/** Makes `key`, which holds the key before an entry, that entry's key; gives its length. */
function takeSuffix({ bytes, entries }: FlatNode, entry: number, key: Uint8Array): number {
  const base = entry * entryWidth;
  const prefix = entries[base + prefixLength]!;
  const from = entries[base + suffixOffset]!;
  const length = entries[base + suffixLength]!;
  for (let index = 0; index < length; index++) key[prefix + index] = bytes[from + index]!;
  return prefix + length;
}
