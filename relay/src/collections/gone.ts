/**
 * Which collections a commit emptied, proven by the commit's own blocks: where a deleted record was, its neighbours in
 * the tree tell whether any other record of its collection is left, since the keys of a collection lie side by side.
 * Not for what was created: that is there, the operations say so and were verified.
 * Place in the flow: verify workers, after the verdict; and once more for the log's tail at start. A commit whose
 * operations could be undone holds every node on the way to each deleted key, down to the bottom.
 * Source: ours; the idea is known from the lightrail relay index.
 */
import { ProtocolError } from '@dunlin/protocol/base/errors';
import type { BlockMap } from '@dunlin/protocol/data/block-map';
import { cidAt, cidToBytes } from '@dunlin/protocol/data/cid';
import type { Cid } from '@dunlin/protocol/data/cid';
import { rootHeight } from '@dunlin/protocol/mst/flat-node';
import { loadNode, lowerBound } from '@dunlin/protocol/mst/node';
import type { Link } from '@dunlin/protocol/mst/node';
import { blocksOfCar } from '@dunlin/protocol/repo/car-slice';
import { decodeCommit } from '@dunlin/protocol/repo/commit';
import { OpsScan, deleteAction, scanOps } from '@dunlin/protocol/repo/ops-scan';
import type { FrameScan } from '@dunlin/protocol/stream/frame-scan';

/** Collections that are empty now; null when something was deleted and the blocks do not tell. */
export type Gone = readonly string[] | null;

/** Nothing was emptied. */
export const noneGone: readonly string[] = [];
const ops = new OpsScan();

/** Gives the collections that a verified commit emptied; `data` is the root of its tree. */
export function goneCollections(scan: FrameScan, bytes: Uint8Array, data: Cid): Gone {
  scanOps(ops, bytes, scan.opsOffset, scan.opsEnd);
  let blocks: BlockMap | null = null;
  const seen = new Map<string, boolean>();
  for (let op = 0; op < ops.count; op++) {
    if (ops.actions[op] !== deleteAction) continue;
    const path = ops.path(op);
    const collection = collectionOf(path);
    if (seen.has(collection)) continue;
    blocks ??= blocksOfCar(bytes, scan.blocksOffset, scan.blocksOffset + scan.blocksLength);
    const isGone = isLastGone(blocks, data, path, `${collection}/`);
    if (isGone === null) return null;
    seen.set(collection, isGone);
  }
  return seen.size === 0 ? noneGone : [...seen].filter(([, isGone]) => isGone).map(([collection]) => collection);
}

/** The same for a frame of the log, whose tree nobody has looked at yet. */
export function goneByFrame(scan: FrameScan, bytes: Uint8Array): Gone {
  const block = blocksOfCar(bytes, scan.blocksOffset, scan.blocksOffset + scan.blocksLength).get(cidAt(bytes, scan.commitOffset));
  return block === undefined ? null : goneCollections(scan, bytes, decodeCommit(block).data);
}

/** Gives the collection of a record's path. */
export function collectionOf(path: string): string {
  return path.slice(0, path.indexOf('/'));
}

/** Says whether the tree has no key with the prefix, looked at where `key` would be; null when nodes are missing. */
function isLastGone(blocks: BlockMap, root: Cid, key: string, prefix: string): boolean | null {
  try {
    let link: Link | null = cidToBytes(root);
    for (let height = rootHeight; link !== null; ) {
      const node = loadNode(blocks, link, height);
      const index = lowerBound(node.keys, key);
      // The nearest key of the collection is on the way to where this one would be.
      if (node.keys[index]?.startsWith(prefix) || node.keys[index - 1]?.startsWith(prefix)) return false;
      link = node.subtrees[index] as Link | null;
      height = node.height - 1;
    }
    return true;
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}
