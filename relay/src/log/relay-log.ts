/**
 * The relay's log: gives every accepted event its seq, makes groups of them durable, and serves them again.
 * Not for deciding what is accepted, nor for sockets: consumers pull through service/firehose/outbox.
 * Place in the flow: hop 7, before account state and host cursor; hop 8 reads it.
 * One writer, one group in flight: while a group is synced the next one gathers, so the slower the disk the larger
 * the groups. A full disk is waited out: the group is written anew, whole, until there is room. Any other fault of the
 * disk ends the log (a failed fsync must not be tried again) and is told to `onFault`.
 * Source: ours, see docs/invariants.md 2, 6, 11.
 */
import { mkdir } from 'node:fs/promises';
import { assert } from '@dunlin/protocol/base/assert';
import type { Clock } from '@dunlin/protocol/base/clock';
import type { EventLog } from '@dunlin/service/firehose/event-log';
import { FrameMemory, Group } from './group.ts';
import type { Appendable, RelaySlice } from './group.ts';
import { GroupWriter, isOutOfRoom } from './group-writer.ts';
import type { WriteBytes } from './group-writer.ts';
import { lastSeqBefore, readAfter } from './log-reading.ts';
import { recoverLog } from './recovery.ts';
import type { Segment } from './segment.ts';
import { SegmentList } from './segment-list.ts';

/** fsync: told to consumers when the disk says so. os: when the kernel has it; a power cut may lose the last seconds. */
export type Durability = 'fsync' | 'os';

/** How a log behaves. */
export interface RelayLogOptions {
  readonly folder: string;
  /** Seq of the very first event; above 2^32, so that a seq always takes nine bytes. */
  readonly initialSeq: number;
  readonly durability: Durability;
  /** A segment is sealed when it has so many bytes of frames. */
  readonly segmentBytes: number;
  /** A segment is sealed when it is so old, so that retention by age works for a quiet relay too. */
  readonly segmentAgeMs: number;
  readonly clock: Clock;
  /** While group commits follow one another, they begin at least so far apart; an event that comes alone never waits. */
  readonly gatherMs?: number;
  /** Called once when the log cannot go on. */
  readonly onFault: (error: unknown) => void;
  /** Called when the disk is found full, and when it no longer is; appending is possible, but nothing gets durable. */
  readonly onFull?: (isFull: boolean) => void;
  /** Told how long each group took from the beginning of its write until it was durable, in ms. */
  readonly onWritten?: (ms: number) => void;
  /** In place of writing to the file; for tests. */
  readonly write?: WriteBytes;
}

const maxGroupBytes = 16_777_216;
/** A group of so many bytes is not kept waiting for more. */
const worthFlushingBytes = 262_144;
/** Seqs left out after a start in durability `os`: more than could have been told and then lost in a power cut. */
const osGapSeqs = 1_000_000;

/** The log. */
export class RelayLog implements EventLog {
  readonly #options: RelayLogOptions;
  readonly #segments: SegmentList;
  readonly #writer: GroupWriter;
  readonly #memory = new FrameMemory();
  readonly #listeners = new Set<(slice: RelaySlice) => void>();
  readonly #waiting: Group[] = [];
  /** Bytes cut off a torn tail when this log was opened. */
  readonly tornBytes: number;
  #nextSeq: number;
  #durableSeq: number;
  readonly #waiters: { seq: number; resolve: () => void; reject: (error: unknown) => void }[] = [];
  #beforeRemoval = async (): Promise<void> => undefined;
  #lastTimeMs = 0;
  #pendingBytes = 0;
  #flushing: Promise<void> | null = null;
  #isOver = false;
  #fault: Error | null = null;

  /** Opens a log, making its folder or recovering what a crash left. @throws AssertionFailure when it is damaged */
  static async open(options: RelayLogOptions): Promise<RelayLog> {
    assert(options.initialSeq > 0xffff_ffff, `initial seq must be above 2^32: initialSeq=${options.initialSeq}`);
    await mkdir(options.folder, { recursive: true });
    const { segments, tornBytes } = await recoverLog(options.folder);
    const log = new RelayLog(options, new SegmentList(options.folder, segments), tornBytes);
    await log.#start();
    return log;
  }

  private constructor(options: RelayLogOptions, segments: SegmentList, tornBytes: number) {
    this.#options = options;
    this.#segments = segments;
    this.#writer = new GroupWriter({ ...options, isSynced: options.durability === 'fsync' });
    this.tornBytes = tornBytes;
    this.#durableSeq = segments.all.at(-1)?.lastSeq ?? options.initialSeq - 1;
    this.#nextSeq = this.#durableSeq + 1;
  }

  /** Where its files are. */
  get folder(): string {
    return this.#options.folder;
  }

  /** Bytes appended but not yet durable; whoever appends slows down when this grows. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** False when the log has ended: closed, or given up after a fault of the disk. */
  get isWritable(): boolean {
    return !this.#isOver;
  }

  /** Seq of the last event appended, durable or not. */
  get appendedSeq(): number {
    return this.#nextSeq - 1;
  }

  /** Bytes of all segments on disk. */
  get totalBytes(): number {
    return this.#segments.totalBytes;
  }

  /** The segments, oldest first; for retention, scrubbing and recovery of state. Not to be changed. */
  get segments(): readonly Segment[] {
    return this.#segments.all;
  }

  /** Seq of the newest durable event; one below the first seq when there is none yet. */
  headSeq(): number {
    return this.#durableSeq;
  }

  /** Seq of the oldest event still held; headSeq() + 1 when there is none. */
  oldestSeq(): number {
    return this.#segments.oldestSeq() ?? this.#durableSeq + 1;
  }

  /** Takes an event, copying its bytes, and gives its seq; it is durable when a listener hears of it. */
  append(event: Appendable): number {
    assert(!this.#isOver, 'log is closed');
    let group = this.#waiting.at(-1);
    if (!group || group.byteLength >= maxGroupBytes) {
      group = new Group(this.#nextSeq, this.#memory);
      this.#waiting.push(group);
    }
    // Times never go back, even when the machine's clock does: they are searched by halves.
    this.#lastTimeMs = Math.max(this.#lastTimeMs, this.#options.clock.nowMs());
    const before = group.byteLength;
    const seq = group.add(event, this.#lastTimeMs);
    this.#nextSeq = seq + 1;
    this.#pendingBytes += group.byteLength - before;
    this.#flushing ??= this.#flushSoon();
    return seq;
  }

  /** Calls the listener with every slice as soon as it is durable, in order; gives what ends that. */
  onAppend(listener: (slice: RelaySlice) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves when everything appended so far is durable; rejects when the log ends before. */
  settled(): Promise<void> {
    if (this.#durableSeq >= this.appendedSeq) return Promise.resolve();
    if (this.#fault !== null) return Promise.reject(this.#fault);
    return new Promise((resolve, reject) => void this.#waiters.push({ seq: this.appendedSeq, resolve, reject }));
  }

  /**
   * Gives the events after `afterSeq`, as many as fit `maxBytes` but at least one; null when there is none.
   * Taken-down events are pong frames in it and count as events.
   * @throws AssertionFailure when what the disk gives is not what was written
   */
  async read(afterSeq: number, maxBytes: number): Promise<RelaySlice | null> {
    return await readAfter(this.#segments, afterSeq, maxBytes);
  }

  /** Gives the seq of the last event appended before `ms`: the cursor for everything since then. */
  async seqAtTime(ms: number): Promise<number> {
    return await lastSeqBefore(this.#segments, ms, () => this.#durableSeq);
  }

  /** Removes the oldest segment, unless it is the one appended to; readers in it finish, here and wherever else it is read. */
  async removeOldest(): Promise<boolean> {
    return await this.#segments.removeOldest(this.#beforeRemoval);
  }

  /** Sets what is waited for between the oldest segment's leaving the window and the end of its files. */
  beforeRemoval(wait: () => Promise<void>): void {
    this.#beforeRemoval = wait;
  }

  /**
   * Makes what was appended durable, before closing. False when the disk is full: then what is not durable is given up,
   * and nothing that follows from it may be stored. Nothing may be appended from now on.
   */
  async drain(): Promise<boolean> {
    this.#writer.close();
    try {
      await this.settled();
      return true;
    } catch (error) {
      if (isOutOfRoom(error)) return false;
      throw error;
    }
  }

  /** Makes what was appended durable, unless the disk is full, and closes the files. Appending afterwards is a mistake. */
  async close(): Promise<void> {
    this.#isOver = true;
    this.#writer.close();
    await this.#flushing;
    await this.#segments.close();
  }

  async #start(): Promise<void> {
    if (this.#segments.all.length === 0) {
      await this.#segments.add(this.#nextSeq, this.#durableSeq, this.#options.clock.nowMs());
      return;
    }
    const newest = this.#segments.newest();
    const lastRecord = newest.count > 0 ? await newest.records(newest.count - 1, 1) : [];
    this.#lastTimeMs = lastRecord[0]?.timeMs ?? newest.header.createdMs;
    if (this.#options.durability === 'os') await this.#leaveGap(newest);
  }

  async #leaveGap(newest: Segment): Promise<void> {
    const previousLastSeq = newest.count > 0 ? newest.lastSeq : newest.header.previousLastSeq;
    if (newest.count === 0) await this.#segments.removeEmptyNewest();
    this.#nextSeq = newest.lastSeq + 1 + osGapSeqs;
    this.#durableSeq = this.#nextSeq - 1;
    await this.#segments.add(this.#nextSeq, previousLastSeq, this.#options.clock.nowMs());
  }

  async #flushSoon(): Promise<void> {
    // What arrives in the same turn of the event loop belongs to the same group.
    await new Promise<void>((resolve) => setImmediate(resolve));
    try {
      while (this.#waiting.length > 0) {
        const startMs = this.#options.clock.elapsedMs();
        const group = this.#waiting.shift();
        if (group) await this.#flush(group);
        await this.#gather(startMs);
      }
    } catch (error) {
      this.#isOver = true;
      this.#fault = error instanceof Error ? error : new Error('the log cannot go on', { cause: error });
      this.#waiting.length = 0;
      for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
      if (!this.#writer.isClosing || !isOutOfRoom(error)) this.#options.onFault(error);
    } finally {
      this.#flushing = null;
    }
  }

  /** Lets a small group grow for what is left of the gathering time. */
  async #gather(startMs: number): Promise<void> {
    const { clock, gatherMs = 0 } = this.#options;
    const leftMs = startMs + gatherMs - clock.elapsedMs();
    const waiting = this.#waiting[0];
    if (waiting && leftMs > 0 && waiting.byteLength < worthFlushingBytes && !this.#isOver) await clock.sleep(leftMs);
  }

  async #flush(group: Group): Promise<void> {
    const slices = group.slices();
    const startMs = this.#options.clock.elapsedMs();
    const segment = await this.#writer.write(group, slices, () => this.#segmentFor(group));
    this.#options.onWritten?.(this.#options.clock.elapsedMs() - startMs);
    segment.datBytes += group.byteLength;
    segment.count += group.count;
    this.#durableSeq = group.lastSeq;
    this.#pendingBytes -= group.byteLength;
    for (const slice of slices) for (const listener of this.#listeners) listener(slice);
    while ((this.#waiters[0]?.seq ?? Infinity) <= this.#durableSeq) this.#waiters.shift()?.resolve();
  }

  async #segmentFor(group: Group): Promise<Segment> {
    const newest = this.#segments.newest();
    const isFull = newest.datBytes + group.byteLength > this.#options.segmentBytes;
    const isOld = this.#options.clock.nowMs() - newest.header.createdMs >= this.#options.segmentAgeMs;
    if (newest.count === 0 || (!isFull && !isOld)) return newest;
    return await this.#segments.add(group.firstSeq, newest.lastSeq, this.#options.clock.nowMs());
  }
}
