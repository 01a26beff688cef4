/**
 * A log that another process writes, read here: the same files, the same seqs, the same window.
 * Not for writing; nothing here changes a file. What is durable, and which segments are gone, the writer says (`grow`,
 * `dropOldest`); until it has said so an event does not exist here. New events are read straight from the files: they were
 * written a moment ago, so the kernel has them in memory, and reading them costs about what sending them would.
 * Place in the flow: hop 8, in a process that serves consumers (fanout/). Source: ours, see docs/decisions/0018.
 */
import { assert } from '@dunlin/protocol/base/assert';
import type { EventLog } from '@dunlin/service/firehose/event-log';
import { throwAtProcess } from '@dunlin/service/lifecycle/throw-at-process';
import type { RelaySlice } from './group.ts';
import { lastSeqBefore, readAfter } from './log-reading.ts';
import { NewestReader } from './newest-reader.ts';
import type { SegmentHeader } from './record.ts';
import { Segment } from './segment.ts';
import { segmentPath } from './segment-files.ts';
import { SegmentList } from './segment-list.ts';

/** How much of a segment is durable. */
export interface SegmentEnd {
  readonly header: SegmentHeader;
  readonly count: number;
  readonly datBytes: number;
}

/** What the writer says: the segments that changed since it spoke last, in order, and the newest durable seq. */
export interface LogGrowth {
  readonly segments: readonly SegmentEnd[];
  readonly headSeq: number;
}

/** Most bytes of new events read in one go; the rest has the next turn of the event loop. */
const maxNewestBytes = 1_048_576;

/** The log as a reader has it. */
export class FollowedLog implements EventLog {
  readonly #folder: string;
  readonly #segments: SegmentList;
  readonly #newest = new NewestReader();
  readonly #listeners = new Set<(slice: RelaySlice) => void>();
  #headSeq: number;
  /** Listeners were told of everything up to here. */
  #toldSeq: number;
  #isTelling = false;
  #isClosed = false;

  /** `all` is everything the log holds. */
  constructor(folder: string, all: LogGrowth) {
    this.#folder = folder;
    this.#segments = new SegmentList(folder, all.segments.map((end) => this.#segmentOf(end)));
    this.#headSeq = all.headSeq;
    this.#toldSeq = all.headSeq;
  }

  /** Seq of the newest event the writer said is durable. */
  headSeq(): number {
    return this.#headSeq;
  }

  oldestSeq(): number {
    return this.#segments.oldestSeq() ?? this.#headSeq + 1;
  }

  read(afterSeq: number, maxBytes: number): Promise<RelaySlice | null> {
    return readAfter(this.#segments, afterSeq, maxBytes);
  }

  seqAtTime(ms: number): Promise<number> {
    return lastSeqBefore(this.#segments, ms, () => this.#headSeq);
  }

  onAppend(listener: (slice: RelaySlice) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Takes over what the writer says; listeners hear of the new events, in order, as far as they can be read now. */
  grow(growth: LogGrowth): void {
    for (const end of growth.segments) {
      const known = this.#segments.all.findLast((segment) => segment.firstSeq === end.header.firstSeq);
      if (known === undefined) this.#segments.adopt(this.#segmentOf(end));
      else [known.count, known.datBytes] = [end.count, end.datBytes];
    }
    this.#headSeq = growth.headSeq;
    if (!this.#isTelling) this.#tell();
  }

  /** The writer is about to remove its oldest segment; who reads in it finishes. */
  async dropOldest(): Promise<void> {
    // Its files are gone soon, so what is in it cannot have a later turn.
    const end = Math.min(this.#segments.all[0]?.lastSeq ?? 0, this.#headSeq);
    while (this.#toldSeq < end && this.#tellNext());
    const { lastSeq } = await this.#segments.forgetOldest();
    assert(this.#toldSeq >= lastSeq, `new events went out of the window before they were read: told=${this.#toldSeq} removed=${lastSeq}`);
  }

  /** Closes the files; listeners hear nothing more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#listeners.clear();
    this.#newest.close();
    await this.#segments.close();
  }

  #tell(): void {
    this.#isTelling = false;
    try {
      if (!this.#tellNext() || this.#toldSeq >= this.#headSeq) return;
      this.#isTelling = true;
      setImmediate(() => this.#tell());
    } catch (error) {
      throwAtProcess(error as Error);
    }
  }

  /** Tells of as much as one slice holds; false when there is nothing to tell. @throws AssertionFailure when the files are not what was written */
  #tellNext(): boolean {
    const segment = this.#toldSeq < this.#headSeq && !this.#isClosed ? this.#segments.after(this.#toldSeq) : null;
    if (segment === null) return false;
    const slice = this.#newest.read(segment, Math.max(0, this.#toldSeq + 1 - segment.firstSeq), maxNewestBytes);
    this.#toldSeq = slice.lastSeq;
    for (const listener of this.#listeners) listener(slice);
    return true;
  }

  #segmentOf({ header, count, datBytes }: SegmentEnd): Segment {
    return new Segment(segmentPath(this.#folder, header.firstSeq), header, { count, datBytes, isReadOnly: true });
  }
}
