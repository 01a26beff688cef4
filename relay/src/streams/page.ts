/**
 * A run of consecutive events of the log, read once for all who stream them: what the ring and the cache hold.
 * Not read before somebody looks: making a page costs nothing, its entries are made on first use.
 * Place in the flow: behind the log, in front of the feeds. An event that was taken down is pong frames here and no entry.
 * Source: ours; slices are those of service/firehose/event-log.ts with the log's time of each event.
 */
import { assert } from '@dunlin/protocol/base/assert';
import type { EventSlice } from '@dunlin/service/firehose/event-log';
import { Entry, scanEntry, type Memory } from './entry.ts';
import { TimeSlots, type SlotState } from './time-slots.ts';

/** A slice whose seqs are dense, with the time the log took each event. */
export interface TimedSlice extends EventSlice {
  /** ms since 1970 of seq `firstSeq + index`; they never go back. */
  readonly timesMs: readonly number[];
}

/** What the streams need of the relay's log. */
export interface TimedLog {
  headSeq(): number;
  oldestSeq(): number;
  read(afterSeq: number, maxBytes: number): TimedSlice | null | Promise<TimedSlice | null>;
  onAppend(listener: (slice: TimedSlice) => void): () => void;
  /** Seq of the last event taken before `ms`. */
  seqAtTime(ms: number): number | Promise<number>;
}

const finalBinary = 0x82;

/** Entries from `firstSeq` to `lastSeq`. */
export class Page implements Memory {
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Hears of memory that is taken later on, for as long as somebody counts it. */
  onGrow: ((bytes: number) => void) | null = null;
  readonly #slice: TimedSlice;
  #keptBytes = 0;
  readonly #start: SlotState | null;
  #entries: readonly Entry[] | null = null;
  #end: SlotState | null = null;

  /** `start` is the state of the slots in front of `firstSeq`; null when a ms begins there. */
  constructor(slice: TimedSlice, start: SlotState | null, firstSeq = slice.firstSeq) {
    assert(slice.timesMs.length === slice.lastSeq - slice.firstSeq + 1, `slice has not one time a seq: first=${slice.firstSeq} last=${slice.lastSeq} times=${slice.timesMs.length}`);
    this.#slice = slice;
    this.#start = start;
    this.firstSeq = firstSeq;
    this.lastSeq = slice.lastSeq;
  }

  /** Memory it keeps, in bytes. */
  get heldBytes(): number {
    return this.#slice.bytes.length + this.#keptBytes;
  }

  add(bytes: number): void {
    this.#keptBytes += bytes;
    this.onGrow?.(bytes);
  }

  /** Its events in order. */
  get entries(): readonly Entry[] {
    return (this.#entries ??= this.#read());
  }

  /** The state of the slots behind its last event. */
  get end(): SlotState {
    this.#entries ??= this.#read();
    assert(this.#end !== null, 'a page that was read has an end');
    return this.#end;
  }

  /** Index of the first entry with a seq above `seq`. */
  indexAfter(seq: number): number {
    const { entries } = this;
    let low = 0;
    let high = entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (entries[middle]!.seq > seq) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #read(): readonly Entry[] {
    const { bytes, timesMs, firstSeq } = this.#slice;
    const slots = new TimeSlots(this.#start);
    const entries: Entry[] = [];
    let nextSeq = this.firstSeq;
    const timeOf = (seq: number): number => timesMs[seq - firstSeq] ?? 0;
    const skipTo = (seq: number): void => {
      // What was taken down keeps one slot, so that those behind it stay close to their old times.
      for (; nextSeq < seq; nextSeq++) slots.take(timeOf(nextSeq), 1);
    };
    for (let at = 0; at < bytes.length; ) {
      const end = frameEnd(bytes, at);
      const frame = bytes.subarray(at, end);
      const scanned = bytes[at] === finalBinary ? scanEntry(frame) : null;
      if (scanned !== null && scanned.scan.seq >= this.firstSeq) {
        const { seq } = scanned.scan;
        skipTo(seq);
        entries.push(new Entry(frame, scanned, timeOf(seq), slots, this));
        nextSeq = seq + 1;
      }
      at = end;
    }
    skipTo(this.lastSeq + 1);
    this.#end = slots.state;
    return entries;
  }
}

/** Gives the offset behind the frame that begins at `at`. */
function frameEnd(bytes: Buffer, at: number): number {
  const short = bytes[at + 1]!;
  if (short < 126) return at + 2 + short;
  return short === 126 ? at + 4 + bytes.readUInt16BE(at + 2) : at + 10 + bytes.readUInt32BE(at + 6);
}
