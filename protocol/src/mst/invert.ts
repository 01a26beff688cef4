/**
 * Undoing a commit's operations on the part of its tree that the commit's blocks show; the root afterwards must be the root
 * before. The long way, for any operations; single creates and updates mostly go the short one (undo-one.ts).
 * Always checks: each operation against the tree, of every node gone through what loadNode checks, order across those nodes.
 * Does not check: signature, operations naming one path twice, blocks that are not needed.
 * Source: proposal 0006 "Inductive Firehose"; atproto.com/specs/sync.
 */
import { equalBytes } from '../base/bytes.ts';
import { ProtocolError } from '../base/errors.ts';
import type { BlockSource } from '../data/block-map.ts';
import { cidAt, cidToBytes, type Cid } from '../data/cid.ts';
import type { RepoOp } from '../repo/operation.ts';
import { rootHeight } from './flat-node.ts';
import { insertKey, type Surgery } from './insert.ts';
import { loadNode, lowerBound, nodeBlocksOf, sealNode, type Link, type MstNode, type NodeBlocks } from './node.ts';
import { removeKey } from './remove.ts';

/** An operation to undo: `cid` is null for a delete, `prev` is null for a create. Links are 36 bytes. */
export interface UndoOp {
  readonly path: string;
  readonly cid: Link | null;
  readonly prev: Link | null;
}

/**
 * Gives the root of the tree before the operations.
 * @throws ProtocolError InversionFailed when the tree does not hold what an operation says, or an update or delete has no prev
 * @throws ProtocolError MissingBlock, InvalidMst by what the blocks show
 */
export function invertOperations(source: BlockSource, dataRoot: Cid, ops: readonly RepoOp[]): Cid {
  const undo = ops.map(({ action, path, cid, prev }): UndoOp => {
    if (action !== 'create' && prev === null) throw new ProtocolError('InversionFailed', `operation has no prev: path=${path}`);
    return { path, cid: cid && cidToBytes(cid), prev: prev && cidToBytes(prev) };
  });
  return cidAt(undoOperations(nodeBlocksOf(source), cidToBytes(dataRoot), undo), 0);
}

/**
 * Gives the link of the root of the tree before the operations.
 * @throws ProtocolError InversionFailed, MissingBlock, InvalidMst as invertOperations
 */
export function undoOperations(blocks: NodeBlocks, root: Link, ops: readonly UndoOp[]): Link {
  if (ops.length === 0) return root;
  const surgery: Surgery = {
    open: (subtree, height) => (subtree instanceof Uint8Array ? loadNode(blocks, subtree, height) : subtree),
    touch: (node) => { node.link = null; },
  };
  let top = loadNode(blocks, root, rootHeight);
  for (const op of ops.toReversed()) top = undo(surgery, top, op);
  checkOrder(top, '', '\uffff');
  return sealNode(top);
}

/** In every node that was loaded, keys must lie between the keys around it. */
function checkOrder(node: MstNode, low: string, high: string): void {
  const { keys, subtrees } = node;
  if (keys.length > 0 && (keys[0]! <= low || keys.at(-1)! >= high)) {
    throw new ProtocolError('InvalidMst', 'key does not lie between the keys around its node');
  }
  for (let index = 0; index < subtrees.length; index++) {
    const subtree = subtrees[index]!;
    if (subtree !== null && !(subtree instanceof Uint8Array)) checkOrder(subtree, keys[index - 1] ?? low, keys[index] ?? high);
  }
}

function undo(surgery: Surgery, root: MstNode, { path, cid, prev }: UndoOp): MstNode {
  try {
    if (cid === null) return insertKey(surgery, root, path, prev!);
    if (prev !== null) {
      replaceValue(surgery, root, path, cid, prev);
      return root;
    }
    const removed = removeKey(surgery, root, path);
    if (equalBytes(removed.value, cid)) return removed.root;
  } catch (error) {
    if (!(error instanceof ProtocolError) || (error.code !== 'KeyExists' && error.code !== 'KeyNotFound')) throw error;
  }
  throw new ProtocolError('InversionFailed', `tree does not hold what the operation says: path=${path}`);
}

function replaceValue(surgery: Surgery, root: MstNode, path: string, from: Link, to: Link): void {
  for (let node = root; ; ) {
    surgery.touch(node);
    const index = lowerBound(node.keys, path);
    if (node.keys[index] === path) {
      if (!equalBytes(node.values[index]!, from)) throw new ProtocolError('KeyNotFound', 'value is another');
      node.values[index] = to;
      return;
    }
    const below = node.subtrees[index]!;
    if (below === null) throw new ProtocolError('KeyNotFound', 'key not found');
    node = node.subtrees[index] = surgery.open(below, node.height - 1);
  }
}
