/**
 * Step 9 of the verdict: the operations of a #commit against the tree in its blocks.
 * Always checks: each operation's shape; records of creates and updates present; the tree holds what each operation says; the tree
 * with all of them undone is the one that `prevData` names, or the empty one for an account's first commit.
 * When lenient: for a host older than Sync 1.1 (neither prevData nor prev), operations are looked up in the tree and no more.
 * Source: proposal 0006 "Inductive Firehose".
 */
import { ProtocolError } from '../base/errors.ts';
import { latin1Text } from '../data/cbor-cursor.ts';
import { cidAt, cidByteLength, cidToBytes, dagCborCode, sameCid, type Cid } from '../data/cid.ts';
import type { BlockIndex } from '../mst/block-index.ts';
import { undoOperations, type UndoOp } from '../mst/invert.ts';
import { emptyTreeDigest } from '../mst/node.ts';
import { Mst } from '../mst/tree.ts';
import { undoCreate, undoUpdate } from '../mst/undo-one.ts';
import type { FrameScan } from '../stream/frame-scan.ts';
import { refuse, type DropReason, type Refusal } from './drop-reason.ts';
import { createAction, deleteAction, type OpsScan } from './ops-scan.ts';

/** Checks the operations of a frame; `dataOffset` is where its commit object names the tree. null when all is well. */
export function checkOperations(scan: FrameScan, index: BlockIndex, ops: OpsScan, dataOffset: number, lenient: boolean): Refusal | null {
  const isLegacy = scan.prevDataOffset < 0 && scan.since !== null;
  let hasPrev = false;
  for (let op = 0; op < ops.count; op++) {
    if (!isShapely(ops, op, lenient && isLegacy)) return refuse('badOps', `operation=${op}`);
    if (ops.prevOffsets[op]! >= 0) hasPrev = true;
    if (ops.actions[op] !== deleteAction && index.find(ops.cidOffsets[op]!) < 0) return refuse('missingBlock', `record of operation=${op}`);
  }
  if (isLegacy && (!lenient || hasPrev)) return refuse('noPrevData', `since=${scan.since}`);
  try {
    return isLegacy ? lookUpOperations(index, ops, dataOffset) : checkInversion(scan, index, ops, dataOffset);
  } catch (error) {
    if (error instanceof ProtocolError) return refuse(reasonOf(error), error.message);
    throw error;
  }
}

/** A create has a cid and no prev, an update both, a delete a null cid and a prev; an old host leaves prev out. */
function isShapely(ops: OpsScan, op: number, withoutPrev: boolean): boolean {
  const action = ops.actions[op]!;
  const hasCid = ops.cidOffsets[op]! >= 0;
  const hasPrev = ops.prevOffsets[op]! >= 0;
  if (action === createAction) return hasCid && !hasPrev;
  const hasRightCid = action === deleteAction ? ops.cidOffsets[op] === -1 : hasCid;
  return hasRightCid && (hasPrev || withoutPrev);
}

function reasonOf(error: ProtocolError): DropReason {
  if (error.code === 'MissingBlock') return 'missingBlock';
  return error.code === 'InversionFailed' ? 'opMismatch' : 'badMst';
}

function checkInversion(scan: FrameScan, index: BlockIndex, ops: OpsScan, dataOffset: number): Refusal | null {
  const digest = ops.count === 1 ? undoSingle(index, ops, dataOffset) : undoAll(index, ops, dataOffset);
  if (digest === null) return refuse('opMismatch', 'tree does not hold what the operation says');
  const { prevDataOffset } = scan;
  if (prevDataOffset < 0) return digest === emptyTreeDigest ? null : refuse('inversionFailed', 'first commit does not begin from the empty tree');
  const { bytes } = index;
  let isSame = bytes[prevDataOffset + 1] === dagCborCode;
  for (let at = 0; at < 32; at++) if (bytes[prevDataOffset + cidByteLength - 32 + at] !== digest.charCodeAt(at)) isSame = false;
  return isSame ? null : refuse('inversionFailed', 'tree before is not prevData');
}

/** Gives the digest of the tree before the only operation; null when the tree does not hold what it says. */
function undoSingle(index: BlockIndex, ops: OpsScan, dataOffset: number): string | null {
  const action = ops.actions[0]!;
  if (action === deleteAction) return undoAll(index, ops, dataOffset);
  const keyStart = ops.pathOffsets[0]!;
  const keyEnd = ops.pathEnds[0]!;
  const cid = ops.cidOffsets[0]!;
  return action === createAction
    ? undoCreate(index, dataOffset, keyStart, keyEnd, cid)
    : undoUpdate(index, dataOffset, keyStart, keyEnd, cid, ops.prevOffsets[0]!);
}

function undoAll(index: BlockIndex, ops: OpsScan, dataOffset: number): string {
  const { bytes } = index;
  const linkAt = (offset: number): Uint8Array | null => (offset < 0 ? null : bytes.subarray(offset, offset + cidByteLength));
  const undo: UndoOp[] = [];
  for (let op = 0; op < ops.count; op++) undo.push({ path: ops.path(op), cid: linkAt(ops.cidOffsets[op]!), prev: linkAt(ops.prevOffsets[op]!) });
  const root = undoOperations(index, bytes.subarray(dataOffset, dataOffset + cidByteLength), undo);
  return latin1Text(root, cidByteLength - 32, cidByteLength);
}

/** All that can be seen of an old host's commit: each record is in the tree as the operation says, or is gone. */
function lookUpOperations(index: BlockIndex, ops: OpsScan, dataOffset: number): Refusal | null {
  const source = { get: (cid: Cid): Uint8Array | undefined => index.getBytes(cidToBytes(cid)) };
  const tree = Mst.load(source, cidAt(index.bytes, dataOffset));
  for (const { path, cid } of ops.values()) {
    const found = tree.get(path);
    const isAsSaid = sameCid(cid, found);
    if (!isAsSaid) return refuse('opMismatch', `path=${path}`);
  }
  return null;
}
