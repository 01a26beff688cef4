/**
 * A repository that is written to in tests, and the #commit frames a server would send of it.
 * Place: tests of repo/, and bench/verify-commit. Source: ours.
 */
import { writeCar } from '@dunlin/protocol/car/write';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { BlockMap } from '@dunlin/protocol/data/block-map';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor, type Cid } from '@dunlin/protocol/data/cid';
import { applyWrites, type CommitData, type RepoHead } from '@dunlin/protocol/repo/apply';
import type { PreparedWrite } from '@dunlin/protocol/repo/operation';
import { tidFromMicros } from '@dunlin/protocol/repo/tid';
import type { CommitEvent } from '@dunlin/protocol/stream/event';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';

/** The time at which the repository below is written. */
export const writtenAtMs = Date.parse('2026-11-24T02:35:13.275Z');

/** Gives a record's block and CID. */
export function recordOf(n: number | string): { bytes: Uint8Array; cid: Cid } {
  const bytes = encode({ $type: 'com.example.record', n });
  return { bytes, cid: cidForCbor(bytes) };
}

/** Gives a create or update of a path. */
export function putOf(action: 'create' | 'update', path: string, n: number | string): PreparedWrite {
  const [collection, rkey] = path.split('/') as [string, string];
  return { action, collection, rkey, ...recordOf(n) };
}

/** Gives a delete of a path. */
export function deleteOf(path: string): PreparedWrite {
  const [collection, rkey] = path.split('/') as [string, string];
  return { action: 'delete', collection, rkey };
}

/** One account's repository with its blocks; `write` makes commits and keeps what they leave. */
export class WrittenRepo {
  readonly did = 'did:plc:ewvi7nxzyoun6zhxrhs64oiz';
  readonly keypair: Keypair;
  readonly blocks = new BlockMap();
  /** What is in the repository, by path. */
  readonly records = new Map<string, Cid>();
  head: RepoHead | null = null;
  #micros = writtenAtMs * 1000;

  constructor(keypair: Keypair = Keypair.generate()) {
    this.keypair = keypair;
  }

  /** A rev later than every one before. */
  nextRev(): string {
    return tidFromMicros((this.#micros += 1), 7);
  }

  /** Makes a commit and stores it. */
  write(writes: readonly PreparedWrite[] = []): CommitData {
    const made = applyWrites({ source: this.blocks, head: this.head, did: this.did, keypair: this.keypair, rev: this.nextRev(), writes });
    this.blocks.addAll(made.newBlocks);
    for (const cid of made.removedCids) this.blocks.delete(cid);
    for (const { path, cid } of made.ops) if (cid === null) this.records.delete(path); else this.records.set(path, cid);
    this.head = { cid: made.cid, rev: made.rev, data: made.data };
    return made;
  }

  /** Puts records at paths: creates where there is none, updates where there is. */
  put(...paths: string[]): CommitData {
    return this.write(paths.map((path, n) => putOf(this.records.has(path) ? 'update' : 'create', path, `${this.#micros}-${n}`)));
  }
}

/** Gives the event a server makes of a commit. */
export function eventOf(made: CommitData, changes: Partial<CommitEvent> = {}): CommitEvent {
  return {
    kind: 'commit', seq: 1, did: made.did, rev: made.rev, since: made.since, commit: made.cid, prevData: made.prevData,
    blocks: writeCar(made.cid, made.eventBlocks), ops: made.ops, blobs: [], time: '2026-11-24T02:35:13.275Z', tooBig: false, rebase: false, ...changes,
  };
}

/** Gives the frame a server sends of a commit. */
export function frameOf(made: CommitData, changes: Partial<CommitEvent> = {}): Uint8Array {
  return encodeEvent(eventOf(made, changes));
}
