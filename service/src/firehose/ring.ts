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
  /** Events in it. */
  readonly count: number;
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
  /** Events up to and with each slice. */
  readonly counts: number[] = [];
  /** Last run handed out, as live consumers all ask for the same one. */
  #lastRun: { start: number; end: number; run: RingRun } | null = null;

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
    this.counts.push((this.counts.at(-1) ?? 0) + slice.count);
  }

  /** Everything behind `afterSeq`; null when that lies in the midst of a slice, whose inner borders are not known. */
  runAfter(afterSeq: number): RingRun | null {
    const index = firstAbove(this.lastSeqs, afterSeq);
    const firstSeq = this.firstSeqs[index];
    if (firstSeq === undefined || firstSeq <= afterSeq) return null;
    const start = this.ends[index - 1] ?? 0;
    const end = this.usedBytes;
    if (this.#lastRun?.start !== start || this.#lastRun.end !== end) {
      const count = (this.counts.at(-1) ?? 0) - (this.counts[index - 1] ?? 0);
      this.#lastRun = { start, end, run: { bytes: this.buffer.subarray(start, end), lastSeq: this.lastSeq, count } };
    }
    return this.#lastRun.run;
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

  /**
   * Adds a slice behind the newest event. A slice that is known already is passed by; one that is known in part
   * (told while the ring was being made) is left to the log.
   */
  append(slice: EventSlice): void {
    assert(slice.lastSeq >= slice.firstSeq, `slice ends before it begins: first=${slice.firstSeq} last=${slice.lastSeq}`);
    if (slice.lastSeq <= this.#lastSeq) return;
    if (slice.firstSeq <= this.#lastSeq) {
      this.#lastSeq = slice.lastSeq;
      return this.forget();
    }
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

  /** Lets a slice go by without holding it, for when nobody listens; what was held is forgotten. */
  pass(slice: EventSlice): void {
    this.#lastSeq = Math.max(this.#lastSeq, slice.lastSeq);
    this.forget();
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
