/**
 * From a frame to what is held of it while it waits (`intake`), and from that to events at the moment of delivery
 * (`eventsOf`), so that waiting events cost their bytes and not their objects.
 * Not for: proofs (see verify.ts) or order (see lanes.ts).
 * Place in the flow: the frame scan, step 3 of the verdict and the filter on the way in; records on the way out.
 * Always checks: canonical frame, required fields, identifiers, operations; that each record's bytes hash to its CID.
 * Does not check: signature, tree and whether operations are true; that is `verify`.
 * Source: lexicon com.atproto.sync.subscribeRepos.
 */
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { decode } from '@dunlin/protocol/data/cbor';
import type { CborMap } from '@dunlin/protocol/data/cbor';
import { cidAt } from '@dunlin/protocol/data/cid';
import type { Cid } from '@dunlin/protocol/data/cid';
import { refuse } from '@dunlin/protocol/repo/drop-reason';
import type { Refusal } from '@dunlin/protocol/repo/drop-reason';
import { checkCommitEnvelope, checkSyncEnvelope, isDid } from '@dunlin/protocol/repo/envelope';
import { OpsScan, createAction, deleteAction } from '@dunlin/protocol/repo/ops-scan';
import { isCborMap } from '@dunlin/protocol/stream/frame';
import type { FrameScan } from '@dunlin/protocol/stream/frame-scan';
import { findBlocks } from './car-blocks.ts';
import type { Difference } from './difference.ts';
import type { ConsumerEvent, RecordOperation } from './events.ts';
import type { EventKind, Filter } from './filter.ts';
import type { Drop } from './notice.ts';

/** One operation that is wanted; offsets are those of CIDs in the frame, negative when there is none. */
export interface HeldOperation {
  readonly action: 'create' | 'update' | 'delete';
  readonly path: string;
  readonly cidOffset: number;
  readonly prevOffset: number;
}

/** One event while it waits: its frame, where things are in it, and which operations are wanted. */
export interface HeldFrame {
  readonly kind: EventKind;
  readonly seq: number;
  readonly did: string;
  /** A view of what the socket brought, until `own` makes it a copy. */
  bytes: Uint8Array;
  readonly scan: FrameScan;
  readonly ops: readonly HeldOperation[];
  /** False when it is taken in only to keep account of its chain, and nobody hears of it. */
  readonly isWanted: boolean;
}

/** What a resync found out about an account, in pieces, while it waits to be told. */
export interface HeldDifferences {
  readonly kind: 'differences';
  /** The highest seq that was taken in when it was found. */
  readonly seq: number;
  readonly did: string;
  readonly rev: string;
  readonly commit: Cid;
  /** When it was found. */
  readonly time: string;
  readonly ops: readonly Difference[];
}

/** What an event costs beside its frame's bytes, reckoned: its objects, and those of each operation. */
const overheadBytes = 700;
const operationBytes = 200;

/** Gives the memory an event is charged for while it is held, in bytes. */
export function heldBytes(event: HeldFrame | HeldDifferences): number {
  if (event.kind === 'differences') return event.ops.reduce((bytes, { block }) => bytes + (block?.length ?? 0) + operationBytes, overheadBytes);
  return event.bytes.length + overheadBytes + event.ops.length * operationBytes;
}

/**
 * Gives a frame bytes of its own. Must be called for each that waits: as a view it would keep the socket's whole chunk in
 * memory, many times what it is charged for. One that is delivered and done at once is spared the copy.
 */
export function own(event: HeldFrame): void {
  event.bytes = new Uint8Array(event.bytes);
}

const kinds: Readonly<Record<string, EventKind>> = { '#commit': 'commit', '#identity': 'identity', '#account': 'account', '#sync': 'sync' };

/** Gives the kind of event of a scanned frame; null for #info and everything unknown. */
export function kindOf(scan: FrameScan): EventKind | null {
  return kinds[scan.t] ?? null;
}

/** Takes frames in: judges their fields and finds what is wanted. Keeps one scratch area, so it is one consumer's own. */
export class Intake {
  readonly #filter: Filter;
  readonly #keepsEmpty: boolean;
  readonly #keepsAll: boolean;
  readonly #ops = new OpsScan();

  /**
   * `keepsEmpty`: commits without operations are wanted too, as long as no collections were named. `keepsAll`: what nobody
   * wants of accounts that are wanted is given all the same, as `isWanted: false`.
   */
  constructor(filter: Filter, keepsEmpty: boolean, keepsAll = false) {
    this.#filter = filter;
    this.#keepsAll = keepsAll;
    this.#keepsEmpty = keepsEmpty && filter.wantsAnyCollection;
  }

  /** Gives the event, null when nobody wants it, or why it cannot be taken. Its bytes are still those given. */
  take(bytes: Uint8Array, scan: FrameScan, kind: EventKind): HeldFrame | Refusal | null {
    const { did } = scan;
    let isWanted = this.#filter.wantsKind(kind);
    if (!isWanted && !this.#keepsAll) return null;
    if (did !== null && !this.#filter.wantsDid(did)) return null;
    const refusal = this.#judge(bytes, scan, kind);
    if (refusal !== null) return refusal;
    const ops = kind === 'commit' && isWanted ? this.#wantedOps() : [];
    if (kind === 'commit' && ops.length === 0 && !(this.#keepsEmpty && this.#ops.count === 0)) isWanted = false;
    if (!isWanted && !this.#keepsAll) return null;
    // A plain view: cutting pieces from a Buffer is three times as slow.
    return { kind, seq: scan.seq, did: did as string, bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length), scan, ops, isWanted };
  }

  #judge(bytes: Uint8Array, scan: FrameScan, kind: EventKind): Refusal | null {
    switch (kind) {
      case 'commit':
        return checkCommitEnvelope(scan, bytes, this.#ops);
      case 'sync':
        return checkSyncEnvelope(scan);
      case 'account':
        return scan.active === null ? refuse('missingField', 'field=active') : judgeAccount(scan);
      case 'identity':
        return judgeAccount(scan);
    }
  }

  #wantedOps(): HeldOperation[] {
    const ops = this.#ops;
    const wanted: HeldOperation[] = [];
    for (let index = 0; index < ops.count; index++) {
      const path = ops.path(index);
      if (!this.#filter.wantsAnyCollection && !this.#filter.wantsCollection(path.slice(0, path.indexOf('/')))) continue;
      const action = ops.actions[index] === createAction ? 'create' : ops.actions[index] === deleteAction ? 'delete' : 'update';
      wanted.push({ action, path, cidOffset: ops.cidOffsets[index] as number, prevOffset: ops.prevOffsets[index] as number });
    }
    return wanted;
  }
}

function judgeAccount(scan: FrameScan): Refusal | null {
  if (scan.did === null) return refuse('missingField', 'field=did');
  if (scan.time === null) return refuse('missingField', 'field=time');
  return isDid(scan.did) ? null : refuse('badDid', `length=${scan.did.length}`);
}

/** How events are to be made. */
export interface EventMaking {
  unit: 'record' | 'commit';
  /** False when every block was hashed already. */
  hashes: boolean;
  onDrop: (drop: Drop) => void;
}

/** Gives the events of a held frame, none when every wanted operation had to be left out; each asks for its own `ack`. */
export function eventsOf(held: HeldFrame | HeldDifferences, newAck: () => () => void, making: EventMaking): ConsumerEvent[] {
  if (held.kind === 'differences') return differenceEvents(held, newAck, making);
  const { seq, did, scan } = held;
  const time = scan.time as string;
  switch (held.kind) {
    case 'identity':
      return [{ kind: 'identity', seq, did, time, handle: scan.handle, ack: newAck() }];
    case 'account':
      return [{ kind: 'account', seq, did, time, active: scan.active as boolean, status: scan.status, ack: newAck() }];
    case 'sync': {
      const blocks = held.bytes.slice(scan.blocksOffset, scan.blocksOffset + scan.blocksLength);
      return [{ kind: 'sync', seq, did, time, rev: scan.rev as string, blocks, ack: newAck() }];
    }
    case 'commit':
      return commitEvents(held, newAck, making);
  }
}

function commitEvents(held: HeldFrame, newAck: () => () => void, making: EventMaking): ConsumerEvent[] {
  const { seq, did, scan } = held;
  const time = scan.time as string;
  const rev = scan.rev as string;
  const ops = operationsOf(held, making);
  if (making.unit === 'record') return ops.map((op) => ({ kind: 'record', seq, did, time, rev, isResync: false, ...op, ack: newAck() }));
  if (ops.length === 0 && held.ops.length > 0) return [];
  return [{ kind: 'commit', seq, did, time, rev, since: scan.since ?? null, commit: cidAt(held.bytes, scan.commitOffset), isResync: false, ops, ack: newAck() }];
}

function differenceEvents(held: HeldDifferences, newAck: () => () => void, making: EventMaking): ConsumerEvent[] {
  const { seq, did, rev, time, commit } = held;
  const wanted = held.ops.filter(({ isWanted }) => isWanted);
  const ops = wanted.map((op) => differenceOf(held, op)).filter((op) => {
    if ('reason' in op) making.onDrop(op);
    return !('reason' in op);
  }) as RecordOperation[];
  if (making.unit === 'record') return ops.map((op) => ({ kind: 'record', seq, did, time, rev, isResync: true, ...op, ack: newAck() }));
  return ops.length === 0 ? [] : [{ kind: 'commit', seq, did, time, rev, since: null, commit, isResync: true, ops, ack: newAck() }];
}

function differenceOf({ did, seq }: HeldDifferences, { action, path, cid, prev, block }: Difference): RecordOperation | Drop {
  const slash = path.indexOf('/');
  const collection = path.slice(0, slash);
  const rkey = path.slice(slash + 1);
  const uri = `at://${did}/${path}`;
  if (action === 'delete' || cid === null) return { action: 'delete', collection, rkey, uri, cid: null, prev, record: null };
  if (block === null) return { reason: 'missingRecord', detail: 'the repository came without it', seq, did, path };
  const record = recordOf(block);
  return record === null ? { reason: 'invalidRecord', detail: `record=${block.length} bytes`, seq, did, path } : { action, collection, rkey, uri, cid, prev, record };
}

function operationsOf(held: HeldFrame, making: EventMaking): RecordOperation[] {
  const { bytes, scan, ops } = held;
  const range = { start: scan.blocksOffset, end: scan.blocksOffset + scan.blocksLength };
  const blocks = findBlocks(bytes, range, ops.map((op) => op.cidOffset), making.hashes);
  const operations: RecordOperation[] = [];
  for (const [index, op] of ops.entries()) {
    const operation = operationOf(held, op, blocks[index] ?? null);
    if ('reason' in operation) making.onDrop(operation);
    else operations.push(operation);
  }
  return operations;
}

function operationOf(held: HeldFrame, op: HeldOperation, block: Uint8Array | null): RecordOperation | Drop {
  const { bytes, did, seq } = held;
  const slash = op.path.indexOf('/');
  const collection = op.path.slice(0, slash);
  const rkey = op.path.slice(slash + 1);
  const uri = `at://${did}/${op.path}`;
  const prev = op.prevOffset < 0 ? null : cidAt(bytes, op.prevOffset);
  const leftOut = (reason: Drop['reason'], detail: string): Drop => ({ reason, detail, seq, did, path: op.path });
  if (op.action === 'delete') {
    if (op.cidOffset >= 0) return leftOut('badOps', 'delete has a cid');
    return { action: 'delete', collection, rkey, uri, cid: null, prev, record: null };
  }
  if (op.cidOffset < 0) return leftOut('badOps', `${op.action} has no cid`);
  if (block === null) return leftOut('missingRecord', `blocks=${held.scan.blocksLength} bytes`);
  const record = recordOf(block);
  if (record === null) return leftOut('invalidRecord', `record=${block.length} bytes`);
  return { action: op.action, collection, rkey, uri, cid: cidAt(bytes, op.cidOffset), prev, record };
}

function recordOf(block: Uint8Array): CborMap | null {
  try {
    const value = decode(block);
    return isCborMap(value) ? value : null;
  } catch (error) {
    if (error instanceof ProtocolError) return null;
    throw error;
  }
}
