/**
 * The operations of a #commit where they lie: offsets of path, cid and prev, no value made but the path's text.
 * Checks the types of the known fields and that path and action are there; what an action needs beside them is checked where
 * operations are undone (verify-commit.ts). Unknown fields are passed by: they are canonical, the frame scan saw to that.
 * Source: lexicon com.atproto.sync.subscribeRepos#repoOp.
 */
import { maxCommitOps } from '../base/limits.ts';
import { CborCursor, latin1Text } from '../data/cbor-cursor.ts';
import { cidAt, type Cid } from '../data/cid.ts';
import type { RepoOp } from './operation.ts';

/** What an operation does, as a number. */
export const createAction = 0, updateAction = 1, deleteAction = 2;

const actionNames = ['create', 'update', 'delete'];

/** The operations of one frame; made to be filled again. */
export class OpsScan {
  bytes: Uint8Array = new Uint8Array(0);
  count = 0;
  readonly actions = new Uint8Array(maxCommitOps);
  /** First byte of each path and the byte behind its last. */
  readonly pathOffsets = new Int32Array(maxCommitOps);
  readonly pathEnds = new Int32Array(maxCommitOps);
  /** Offsets of the CIDs: −1 is null, −2 absent. */
  readonly cidOffsets = new Int32Array(maxCommitOps);
  readonly prevOffsets = new Int32Array(maxCommitOps);

  /** Gives a path as text; one character a byte. */
  path(index: number): string {
    return latin1Text(this.bytes, this.pathOffsets[index]!, this.pathEnds[index]!);
  }

  /** Gives the operations as values; only for operations whose shape was checked. */
  values(): RepoOp[] {
    return Array.from({ length: this.count }, (_, index): RepoOp => {
      const path = this.path(index);
      const cid = this.#cid(this.cidOffsets[index]!);
      const prev = this.#cid(this.prevOffsets[index]!);
      if (cid === null) return { action: 'delete', path, cid, prev };
      return this.actions[index] === createAction ? { action: 'create', path, cid, prev: null } : { action: 'update', path, cid, prev };
    });
  }

  #cid(offset: number): Cid | null {
    return offset < 0 ? null : cidAt(this.bytes, offset);
  }
}

/**
 * Finds the operations in the CBOR array from `start` up to `end`; at most 200, which the caller has seen to.
 * @throws ProtocolError InvalidOperation when an operation has no path or action, or a field has the wrong type
 */
export function scanOps(ops: OpsScan, bytes: Uint8Array, start: number, end: number): void {
  const cursor = new CborCursor(bytes, start, end, 'InvalidOperation');
  ops.bytes = bytes;
  ops.count = cursor.array();
  for (let index = 0; index < ops.count; index++) scanOp(ops, cursor, index);
}

const absent = -2;

function scanOp(ops: OpsScan, cursor: CborCursor, index: number): void {
  let action = -1;
  ops.pathOffsets[index] = absent;
  ops.cidOffsets[index] = absent;
  ops.prevOffsets[index] = absent;
  for (let left = cursor.map(); left > 0; left--) {
    const length = cursor.text();
    const name = cursor.offset;
    cursor.offset = name + length;
    if (isName(cursor.bytes, name, length, 'cid')) ops.cidOffsets[index] = cursor.linkOrNull();
    else if (isName(cursor.bytes, name, length, 'path')) {
      const pathLength = cursor.text();
      ops.pathOffsets[index] = cursor.offset;
      cursor.offset += pathLength;
      ops.pathEnds[index] = cursor.offset;
    } else if (isName(cursor.bytes, name, length, 'prev')) ops.prevOffsets[index] = cursor.link();
    else if (isName(cursor.bytes, name, length, 'action')) {
      const actionLength = cursor.text();
      action = actionNames.findIndex((known) => isName(cursor.bytes, cursor.offset, actionLength, known));
      if (action < 0) cursor.fail('operation has an unknown action');
      cursor.offset += actionLength;
    } else cursor.skip();
  }
  if (ops.pathOffsets[index] === absent) cursor.fail('operation has no path');
  if (action < 0) cursor.fail('operation has no action');
  ops.actions[index] = action;
}

function isName(bytes: Uint8Array, offset: number, length: number, name: string): boolean {
  if (length !== name.length) return false;
  for (let index = 0; index < length; index++) if (bytes[offset + index] !== name.charCodeAt(index)) return false;
  return true;
}
