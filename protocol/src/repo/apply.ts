/**
 * Writes become a commit: the tree changed, the root signed, and three heaps of blocks — to store, to drop, to tell the world.
 * Stores nothing; the caller makes all of it durable in one transaction (invariant 1). Takes records as bytes and does not look
 * into them: lexicons, record keys and blobs are checked before (pds/repo/prepare).
 * Source: atproto.com/specs/repository; proposal 0006 for `prev`, `prevData` and what an event's blocks must cover.
 */
import { assert } from '../base/assert.ts';
import { ProtocolError } from '../base/errors.ts';
import { maxCommitBlocksBytes, maxCommitOps, maxRecordBytes } from '../base/limits.ts';
import { varintLength } from '../base/varint.ts';
import { carHeader } from '../car/header.ts';
import type { Keypair } from '../crypto/keypair.ts';
import { BlockMap, type BlockSource } from '../data/block-map.ts';
import { cidAt, cidByteLength, cidToBytes, type Cid } from '../data/cid.ts';
import { nodeBlocksOf, type NodeBlocks } from '../mst/node.ts';
import { Mst } from '../mst/tree.ts';
import { walkTree } from '../mst/walk.ts';
import { signCommit } from './commit.ts';
import type { PreparedWrite, RepoOp } from './operation.ts';

/** Where a repository stands: its newest commit, that commit's rev and tree. */
export interface RepoHead {
  readonly cid: Cid;
  readonly rev: string;
  readonly data: Cid;
}

/** A commit with all that follows from it. */
export interface CommitData {
  readonly did: string;
  readonly cid: Cid;
  readonly rev: string;
  /** The rev before; null for the first commit. */
  readonly since: string | null;
  readonly data: Cid;
  /** Root of the tree before; null for the first commit. */
  readonly prevData: Cid | null;
  /** To store: the commit, new nodes, new records. */
  readonly newBlocks: BlockMap;
  /** To drop: the old commit, nodes and records that nothing in the tree names any more. */
  readonly removedCids: readonly Cid[];
  /** For the #commit frame: the commit, the nodes that let every operation be proved and undone, new records. */
  readonly eventBlocks: BlockMap;
  readonly ops: readonly RepoOp[];
}

/** What applyWrites takes. */
export interface ApplyOptions {
  /** Has the nodes of the tree under `head`. */
  readonly source: BlockSource;
  /** null makes the first commit of a repository. */
  readonly head: RepoHead | null;
  readonly did: string;
  readonly keypair: Keypair;
  /** A TID later than the head's. */
  readonly rev: string;
  readonly writes: readonly PreparedWrite[];
  /**
   * Tells whether a path other than those touched still holds this record's CID. Asked once for each record that an update or
   * delete replaces; without it the whole tree is walked for the answer.
   */
  readonly heldElsewhere?: (cid: Cid, touchedPaths: readonly string[]) => boolean;
}

/**
 * Applies writes in their order as one commit; none at all makes a commit that changes nothing but the rev.
 * @throws ProtocolError TooManyOps above 200 writes; InvalidOperation when two of them name one path; RecordExists,
 *   RecordNotFound, InvalidMstKey by what the tree holds; BlocksTooBig when a record or the event is beyond the protocol's size
 * @throws ProtocolError MissingBlock, InvalidMst when the source is damaged
 */
export function applyWrites(o: ApplyOptions): CommitData {
  const { head, did, rev, writes } = o;
  if (writes.length > maxCommitOps) throw new ProtocolError('TooManyOps', `too many writes: count=${writes.length} max=${maxCommitOps}`);
  assert(head === null || rev > head.rev, 'rev does not lie behind the head');
  const tree = head === null ? Mst.empty() : Mst.load(o.source, head.data);
  const ops = changeTree(tree, writes);
  const records = recordsOf(writes);
  const data = tree.root();
  const { cid, bytes } = signCommit({ did, data, rev, keypair: o.keypair });
  const newBlocks = new BlockMap();
  newBlocks.set(cid, bytes);
  newBlocks.addAll(tree.newBlocks());
  newBlocks.addAll(records);
  const eventBlocks = coverWrites(tree, ops, cid, bytes);
  eventBlocks.addAll(records);
  checkEventSize(cid, eventBlocks);
  const removedCids = tree.removedNodes();
  if (head !== null) removedCids.push(head.cid, ...replacedRecords(o, ops, data, newBlocks));
  return { did, cid, rev, since: head?.rev ?? null, data, prevData: head?.data ?? null, newBlocks, removedCids, eventBlocks, ops };
}

/** Makes each write's change to the tree, and tells it as an operation. */
function changeTree(tree: Mst, writes: readonly PreparedWrite[]): RepoOp[] {
  const paths = new Set<string>();
  return writes.map((write) => {
    const path = `${write.collection}/${write.rkey}`;
    if (paths.has(path)) throw new ProtocolError('InvalidOperation', `path is written twice: path=${path}`);
    paths.add(path);
    switch (write.action) {
      case 'create':
        asRecordFault(path, () => tree.insert(path, write.cid));
        return { action: 'create', path, cid: write.cid, prev: null };
      case 'update':
        return { action: 'update', path, cid: write.cid, prev: asRecordFault(path, () => tree.update(path, write.cid)) };
      case 'delete':
        return { action: 'delete', path, cid: null, prev: asRecordFault(path, () => tree.remove(path)) };
    }
  });
}

/** Says of records what the tree says of keys. */
function asRecordFault<T>(path: string, change: () => T): T {
  try {
    return change();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    if (error.code === 'KeyExists') throw new ProtocolError('RecordExists', `record exists: path=${path}`, { cause: error });
    if (error.code === 'KeyNotFound') throw new ProtocolError('RecordNotFound', `record not found: path=${path}`, { cause: error });
    throw error;
  }
}

function recordsOf(writes: readonly PreparedWrite[]): BlockMap {
  const records = new BlockMap();
  for (const write of writes) {
    if (write.action === 'delete') continue;
    if (write.bytes.length > maxRecordBytes) {
      throw new ProtocolError('BlocksTooBig', `record too big: bytes=${write.bytes.length} max=${maxRecordBytes}`);
    }
    records.set(write.cid, write.bytes);
  }
  return records;
}

/** Gives the commit and the nodes that prove the operations; the root is always among them. */
function coverWrites(tree: Mst, ops: readonly RepoOp[], commit: Cid, commitBytes: Uint8Array): BlockMap {
  const blocks = new BlockMap();
  blocks.set(commit, commitBytes);
  tree.addRoot(blocks);
  for (const { path } of ops) tree.addCoveringProof(path, blocks);
  return blocks;
}

function checkEventSize(root: Cid, blocks: BlockMap): void {
  let size = carHeader(root).length;
  for (const bytes of blocks.values()) size += varintLength(cidByteLength + bytes.length) + cidByteLength + bytes.length;
  if (size > maxCommitBlocksBytes) throw new ProtocolError('BlocksTooBig', `blocks of one commit too big: bytes=${size} max=${maxCommitBlocksBytes}`);
}

/** Gives the records that these operations took out and that no path holds now. */
function replacedRecords(o: ApplyOptions, ops: readonly RepoOp[], data: Cid, newBlocks: BlockMap): Cid[] {
  if (ops.every(({ prev }) => prev === null)) return [];
  const written = new BlockMap();
  for (const op of ops) if (op.cid !== null) written.set(op.cid, new Uint8Array(0));
  const replaced = new BlockMap();
  for (const { prev } of ops) if (prev !== null && !written.has(prev)) replaced.set(prev, new Uint8Array(0));
  if (replaced.size === 0) return [];
  if (o.heldElsewhere !== undefined) {
    const paths = ops.map(({ path }) => path);
    return [...replaced.cids()].filter((cid) => !o.heldElsewhere!(cid, paths));
  }
  const stored = nodeBlocksOf(o.source);
  const blocks: NodeBlocks = { getBytes: (link, offset) => newBlocks.getBytes(link, offset) ?? stored.getBytes(link, offset) };
  for (const step of walkTree(blocks, cidToBytes(data))) {
    if (step.kind !== 'entry' || replaced.getBytes(step.value) === undefined) continue;
    replaced.delete(cidAt(step.value, 0));
    if (replaced.size === 0) break;
  }
  return [...replaced.cids()];
}
