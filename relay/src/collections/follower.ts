/**
 * Keeps the collection index in step with the events that the relay passes on.
 * Not for what hosts answer when asked (checks.ts). Place in the flow: behind the log, event by event, in its order; for
 * the log's tail once more at start.
 * What each event says is true of the tree it names whatever came before: an operation's collection is there afterwards,
 * unless the blocks prove it empty. Only whether nothing else has changed depends on what came before.
 * Source: ours, docs/decisions/0010-collections-from-the-commits-own-blocks.md.
 */
import type { FrameScan } from '@dunlin/protocol/stream/frame-scan';
import { OpsScan, deleteAction, scanOps } from '@dunlin/protocol/repo/ops-scan';
import type { CollectionIndex } from './collection-index.ts';
import { collectionOf } from './gone.ts';
import type { Gone } from './gone.ts';
import type { Journals } from './journals.ts';

/** A commit that is durable in the log. */
export interface FollowedCommit {
  readonly row: number;
  readonly scan: FrameScan;
  readonly bytes: Uint8Array;
  readonly gone: Gone;
  /** It does not continue what was passed on before, or nothing was. */
  readonly breaks: boolean;
}

/** What it works with. */
export interface FollowerParts {
  readonly index: CollectionIndex;
  readonly journals: Journals;
  /** Told of an account that must be asked about soon. */
  readonly onDoubt: (row: number) => void;
}

/** Follows. */
export class CollectionFollower {
  readonly #parts: FollowerParts;
  readonly #ops = new OpsScan();

  constructor(parts: FollowerParts) {
    this.#parts = parts;
  }

  /** Takes a commit. */
  commit({ row, scan, bytes, gone, breaks }: FollowedCommit): void {
    const { index } = this.#parts;
    // Verified from the empty tree on: its operations are the whole of the repository.
    const isWhole = scan.since === null && scan.prevDataOffset < 0;
    if (isWhole) index.clear(row);
    else if (breaks || gone === null) this.doubt(row);
    else if (index.certainty(row) === 'away') index.setCertainty(row, 'unknown');
    this.#apply(row, scan, bytes, gone);
    if (isWhole) index.setCertainty(row, 'exact', 'proven');
  }

  /** Takes a #sync; it breaks unless it names the tree that was there. */
  sync(row: number, breaks: boolean): void {
    if (breaks) this.doubt(row);
  }

  /** Takes the host's word about an account; it breaks when the account was not active before. */
  account(row: number, status: { readonly active: boolean; readonly isDeleted: boolean; readonly breaks: boolean }): void {
    const { index, journals } = this.#parts;
    if (status.active && status.breaks) return this.doubt(row);
    if (!status.isDeleted) return;
    index.clear(row);
    index.setCertainty(row, 'away');
    journals.doubt(row);
  }

  /** Says that something of this account was missed. */
  doubt(row: number): void {
    const { index, journals, onDoubt } = this.#parts;
    journals.doubt(row);
    const certainty = index.certainty(row);
    if (certainty === 'doubtful' || certainty === 'unknown') return;
    index.setCertainty(row, 'doubtful');
    onDoubt(row);
  }

  #apply(row: number, scan: FrameScan, bytes: Uint8Array, gone: Gone): void {
    const { index, journals } = this.#parts;
    const ops = this.#ops;
    scanOps(ops, bytes, scan.opsOffset, scan.opsEnd);
    const isAsked = journals.size > 0 && journals.has(row);
    for (let op = 0; op < ops.count; op++) {
      // Without proof a delete says neither that records are left nor that none is.
      if (gone === null && ops.actions[op] === deleteAction) continue;
      const collection = collectionOf(ops.path(op));
      const isPresent = gone === null || !gone.includes(collection);
      if (isPresent) index.add(row, collection);
      else index.remove(row, collection);
      if (isAsked) journals.note(row, collection, isPresent);
    }
  }
}
