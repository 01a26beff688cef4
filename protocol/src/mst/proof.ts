/**
 * Proofs about one key: the nodes on the way to it, which show its value, or that there is none.
 * Not the covering proofs of commits, which also show the neighbours (see `Mst.addCoveringProof`). The signature over the root
 * is the reader's to check (see repo/verify-repo.ts).
 * Source: lexicon com.atproto.sync.getRecord; atproto.com/specs/repository "MST Structure".
 */
import { ProtocolError } from '../base/errors.ts';
import { BlockMap, type BlockSource } from '../data/block-map.ts';
import { cidAt, cidToBytes, type Cid } from '../data/cid.ts';
import { rootHeight } from './flat-node.ts';
import { keyHeight } from './key.ts';
import { loadNode, lowerBound, nodeBlocksOf, type Link } from './node.ts';

/**
 * Gives the nodes from the root to where the key is, or down to the bottom between the keys where it would be.
 * @throws ProtocolError MissingBlock, InvalidMst
 */
export function recordProof(source: BlockSource, root: Cid, key: string): BlockMap {
  const proof = new BlockMap();
  descend(source, root, key, proof);
  return proof;
}

/**
 * Gives the record's CID that the nodes show for the key; null when they show that there is none.
 * @throws ProtocolError MissingBlock when they show neither, InvalidMst
 */
export function readProof(blocks: BlockSource, root: Cid, key: string): Cid | null {
  return descend(blocks, root, key, null);
}

function descend(source: BlockSource, root: Cid, key: string, proof: BlockMap | null): Cid | null {
  const blocks = nodeBlocksOf(source);
  const keyLayer = keyHeight(key);
  let [low, high] = ['', '\uffff'];
  let link: Link | null = cidToBytes(root);
  for (let height = rootHeight; link !== null; ) {
    const node = loadNode(blocks, link, height);
    proof?.setBytes(link, 0, node.bytes!);
    checkBetween(node.keys, low, high);
    const index = lowerBound(node.keys, key);
    if (node.keys[index] === key) return cidAt(node.values[index]!, 0);
    low = node.keys[index - 1] ?? low;
    high = node.keys[index] ?? high;
    // Below its own layer the key cannot be, but other readers go on to the bottom before they believe that.
    link = proof !== null || node.height > keyLayer ? (node.subtrees[index] as Link | null) : null;
    height = node.height - 1;
  }
  return null;
}

function checkBetween(keys: readonly string[], low: string, high: string): void {
  if (keys.length > 0 && (keys[0]! <= low || keys.at(-1)! >= high)) {
    throw new ProtocolError('InvalidMst', 'key does not lie between the keys around its node');
  }
}
