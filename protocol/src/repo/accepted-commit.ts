/**
 * The yes of a verdict on a #commit: what the frame says, believed now. Values are made from the frame's bytes when asked for,
 * since who passes a frame on asks for few of them; so ask while those bytes are unchanged.
 * Made by repo/verify-commit and nobody else. Source: ours.
 */
import type { BlockMap } from '../data/block-map.ts';
import { cidAt, type Cid } from '../data/cid.ts';
import type { FrameScan } from '../stream/frame-scan.ts';
import { blocksOfCar } from './car-slice.ts';
import type { RepoOp } from './operation.ts';
import { OpsScan, scanOps } from './ops-scan.ts';

/** A commit that was verified. */
export class AcceptedCommit {
  readonly accepted = true;
  readonly #scan: FrameScan;
  readonly #bytes: Uint8Array;
  readonly #dataOffset: number;

  /** `dataOffset` is where the commit object names its tree, in the frame's bytes. */
  constructor(scan: FrameScan, bytes: Uint8Array, dataOffset: number) {
    this.#scan = scan;
    this.#bytes = bytes;
    this.#dataOffset = dataOffset;
  }

  /** The account. */
  get did(): string {
    return this.#scan.did!;
  }

  /** The commit's rev. */
  get rev(): string {
    return this.#scan.rev!;
  }

  /** The rev before, as the event says; null for a first commit. */
  get since(): string | null {
    return this.#scan.since ?? null;
  }

  /** The commit block's CID. */
  get commit(): Cid {
    return this.#cid(this.#scan.commitOffset);
  }

  /** Root of the tree. */
  get data(): Cid {
    return this.#cid(this.#dataOffset);
  }

  /** Root of the tree before; null for a first commit, and for a host older than Sync 1.1. */
  get prevData(): Cid | null {
    return this.#scan.prevDataOffset < 0 ? null : this.#cid(this.#scan.prevDataOffset);
  }

  /** The operations, in the event's order. */
  get ops(): readonly RepoOp[] {
    const ops = new OpsScan();
    scanOps(ops, this.#bytes, this.#scan.opsOffset, this.#scan.opsEnd);
    return ops.values();
  }

  /** Gives the blocks; views into the frame. */
  blocks(): BlockMap {
    return blocksOfCar(this.#bytes, this.#scan.blocksOffset, this.#scan.blocksOffset + this.#scan.blocksLength);
  }

  #cid(offset: number): Cid {
    return cidAt(this.#bytes, offset);
  }
}
