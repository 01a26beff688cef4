/**
 * The segments of a log in order, and which of them keep their files open.
 * Not for what is in them (segment.ts) nor for when to add or remove one (relay-log.ts, retention.ts).
 * Place in the flow: every read looks up its segment here; every roll-over adds one.
 * Source: ours.
 */
import { assert } from '@dunlin/protocol/base/assert';
import { Segment } from './segment.ts';
import { createSegmentFiles, removeSegmentFiles, segmentPath } from './segment-files.ts';

const maxOpenSealedSegments = 16;

/** Segments, oldest first; the last one is appended to. */
export class SegmentList {
  readonly #folder: string;
  readonly #segments: Segment[];

  constructor(folder: string, segments: Segment[]) {
    this.#folder = folder;
    this.#segments = segments;
  }

  /** All of them, oldest first; not to be changed. */
  get all(): readonly Segment[] {
    return this.#segments;
  }

  /** Bytes on disk. */
  get totalBytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.totalBytes, 0);
  }

  /** The one that is appended to. */
  newest(): Segment {
    const newest = this.#segments.at(-1);
    assert(newest, 'log has a segment to append to');
    return newest;
  }

  /** One above the newest event that was removed: the oldest one's seq, unless seqs were left out before it; null when empty. */
  oldestSeq(): number | null {
    const oldest = this.#segments[0];
    return oldest && oldest.count > 0 ? oldest.header.previousLastSeq + 1 : null;
  }

  /** Gives the segment that holds the first durable event after `seq`, or null. */
  after(seq: number): Segment | null {
    let low = 0;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#segments[middle]?.lastSeq ?? 0) <= seq) low = middle + 1;
      else high = middle;
    }
    const found = this.#segments[low];
    return found && found.count > 0 ? found : null;
  }

  /** Adds an empty segment, its files durable, and closes those of the one before when nobody reads it. */
  async add(firstSeq: number, previousLastSeq: number, createdMs: number): Promise<Segment> {
    const header = { firstSeq, previousLastSeq, createdMs };
    await createSegmentFiles(this.#folder, header);
    const segment = new Segment(segmentPath(this.#folder, firstSeq), header, { count: 0, datBytes: 0 });
    const before = this.#segments.at(-1);
    this.#segments.push(segment);
    await before?.release();
    return segment;
  }

  /** Removes the newest segment, which must be empty. */
  async removeEmptyNewest(): Promise<void> {
    const newest = this.#segments.pop();
    assert(newest?.count === 0, 'only an empty segment is removed from the end');
    await newest.release();
    await removeSegmentFiles(this.#folder, newest.firstSeq);
  }

  /**
   * Removes the oldest segment unless it is the newest too; readers inside finish. Gives whether it did.
   * `beforeRemoval` is waited for when the list no longer has the segment and its files are still there.
   */
  async removeOldest(beforeRemoval: () => Promise<void>): Promise<boolean> {
    if (this.#segments.length < 2) return false;
    const oldest = this.#segments.shift();
    assert(oldest, 'two segments have a first');
    await beforeRemoval();
    await removeSegmentFiles(this.#folder, oldest.firstSeq);
    await oldest.release();
    return true;
  }

  /** Takes in the next segment, whose files another process made, and closes those of the one before when nobody reads it. */
  adopt(segment: Segment): void {
    const before = this.#segments.at(-1);
    this.#segments.push(segment);
    void before?.release();
  }

  /** Lets go of the oldest segment, whose files another process removes; readers inside finish. */
  async forgetOldest(): Promise<Segment> {
    const oldest = this.#segments.shift();
    assert(oldest && this.#segments.length > 0, 'the newest segment is never removed');
    await oldest.release();
    return oldest;
  }

  /** Closes files of sealed segments beyond the bound, oldest first; readers inside finish. */
  async closeIdle(): Promise<void> {
    const open = this.#segments.slice(0, -1).filter((segment) => segment.isOpen);
    for (const segment of open.slice(0, Math.max(0, open.length - maxOpenSealedSegments))) await segment.release();
  }

  /** Closes all files. */
  async close(): Promise<void> {
    for (const segment of this.#segments) await segment.release();
  }
}
