/**
 * The newest frames of a log in memory, shared by every consumer that is live: segments of consecutive frames,
 * appended to at the end, forgotten whole at the front. Bytes once written never change, so sockets may hold them.
 * Not the log: what is not here any more is read there. A place in the ring is found by seq, not kept by address.
 * Source: ours; place in the flow: hops 4 and 8, between log and outbox.
 */
import { assert } from '@dunlin/protocol/base/assert';
import type { EventSlice } from './event-log.ts';

/** A run of frames in the ring that follows some seq without a gap. */
export interface RingRun {
  /** A view into a shared buffer: to be written to sockets, never into. */
  readonly bytes: Buffer;
  readonly lastSeq: number;
}

/** Bytes of one segment; also the most that one run holds, save a single larger slice. */
export const segmentBytes = 262_144;

class Segment {
  readonly buffer: Buffer;
  usedBytes = 0;
  /** For each appended slice: its first and last seq and where its bytes end. */
  readonly firstSeqs: number[] = [];
  readonly lastSeqs: number[] = [];
  readonly ends: number[] = [];
  /** Last run handed out, as live consumers all ask for the same one. */
  #lastRun: { start: number; end: number; bytes: Buffer } | null = null;

  constructor(bytes: number) {
    this.buffer = Buffer.allocUnsafeSlow(bytes);
  }

  get lastSeq(): number {
    return this.lastSeqs.at(-1) ?? 0;
  }

  append(slice: EventSlice): void {
    this.buffer.set(slice.bytes, this.usedBytes);
    this.usedBytes += slice.bytes.length;
    this.firstSeqs.push(slice.firstSeq);
    this.lastSeqs.push(slice.lastSeq);
    this.ends.push(this.usedBytes);
  }

  /** Everything behind `afterSeq`; null when that lies in the midst of a slice, whose inner borders are not known. */
  runAfter(afterSeq: number): RingRun | null {
    const index = firstAbove(this.lastSeqs, afterSeq);
    const firstSeq = this.firstSeqs[index];
    if (firstSeq === undefined || firstSeq <= afterSeq) return null;
    const start = index === 0 ? 0 : (this.ends[index - 1] ?? 0);
    const end = this.usedBytes;
    if (this.#lastRun?.start !== start || this.#lastRun.end !== end) this.#lastRun = { start, end, bytes: this.buffer.subarray(start, end) };
    return { bytes: this.#lastRun.bytes, lastSeq: this.lastSeq };
  }
}

/** Index of the first value above `bound` in an ascending list; its length when none is. */
function firstAbove(values: readonly number[], bound: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] ?? 0) > bound) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The newest frames, at most `maxBytes` of them (and one segment more). */
export class Ring {
  readonly #maxBytes: number;
  readonly #segments: Segment[] = [];
  #bytes = 0;
  #lastSeq: number;
  /** Every event above this seq is here. */
  #floorSeq: number;

  /** Begins empty behind `lastSeq`: the next slice appended follows it. */
  constructor(maxBytes: number, lastSeq: number) {
    this.#maxBytes = maxBytes;
    this.#lastSeq = lastSeq;
    this.#floorSeq = lastSeq;
  }

  /** Seq of the newest event that went through the ring. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Memory held, in bytes. */
  get heldBytes(): number {
    return this.#bytes;
  }

  /** Adds the slice that follows the newest event. */
  append(slice: EventSlice): void {
    assert(slice.firstSeq > this.#lastSeq && slice.lastSeq >= slice.firstSeq, `slice out of order: last=${this.#lastSeq} first=${slice.firstSeq} end=${slice.lastSeq}`);
    let segment = this.#segments.at(-1);
    if (segment === undefined || segment.buffer.length - segment.usedBytes < slice.bytes.length) {
      segment = new Segment(Math.max(segmentBytes, slice.bytes.length));
      this.#segments.push(segment);
      this.#bytes += segment.buffer.length;
    }
    segment.append(slice);
    this.#lastSeq = slice.lastSeq;
    while (this.#bytes > this.#maxBytes && this.#segments.length > 1) this.#dropOldest();
  }

  /** Gives frames that follow `afterSeq` without a gap; null when they are not here (any more) or nothing follows. */
  runAfter(afterSeq: number): RingRun | null {
    if (afterSeq < this.#floorSeq || afterSeq >= this.#lastSeq) return null;
    let low = 0;
    let high = this.#segments.length - 1;
    if ((this.#segments[high - 1]?.lastSeq ?? 0) <= afterSeq) low = high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#segments[middle]?.lastSeq ?? 0) > afterSeq) high = middle;
      else low = middle + 1;
    }
    return this.#segments[low]?.runAfter(afterSeq) ?? null;
  }

  /** Forgets everything held, for when the log changed frames in place (a takedown); the log is read instead. */
  forget(): void {
    this.#segments.length = 0;
    this.#bytes = 0;
    this.#floorSeq = this.#lastSeq;
  }

  #dropOldest(): void {
    const oldest = this.#segments.shift();
    if (oldest === undefined) return;
    this.#bytes -= oldest.buffer.length;
    this.#floorSeq = oldest.lastSeq;
  }
}
