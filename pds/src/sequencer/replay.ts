/**
 * The events as consumers read them: runs out of files, then what is still in the table. Hop 4's outbox pulls from it.
 * A run is read whole, into a buffer that is used again, and its checksum looked at; only a cursor within a run, or a gap that a
 * deletion left, makes it look at single events. A buffer of its own for each read would cost several times the read.
 * Not for giving seqs (`sequencer.ts`). Source: ours; decision 0027.
 */
import { crc32 } from 'node:zlib';
import { AssertionFailure } from '@dunlin/protocol/base/assert';
import type { EventLog, EventSlice } from '@dunlin/service/firehose/event-log';
import type { Database } from '@dunlin/service/sqlite/database';
import type { EventFiles } from './event-files.ts';
import { asOwnCorruption } from './group-commit.ts';
import { RunStore, type PlacedRun, type Run } from './run-store.ts';
import type { Sequencer } from './sequencer.ts';

/** Buffers kept for reading again. */
export const maxKeptBuffers = 8;

/** What is read of a run: a range of it, the events that count, and what they are to be like. */
interface Piece {
  readonly start: number;
  readonly bytes: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly count: number;
  /** Checks the bytes, closes gaps in them, and gives how many are left; null when they are damaged. */
  settle(bytes: Buffer): number | null;
}

/** Reads events back. */
export class EventReplay implements EventLog {
  readonly #sequencer: Sequencer;
  readonly #runs: RunStore;
  readonly #files: EventFiles;
  readonly #bufferBytes: number;
  readonly #kept: Buffer[] = [];

  /** `reading` is a connection that sees what is durable; `bufferBytes` is the usual size of a run. */
  constructor(o: { sequencer: Sequencer; reading: Database; files: EventFiles; bufferBytes: number }) {
    this.#sequencer = o.sequencer;
    this.#runs = new RunStore(o.reading);
    this.#files = o.files;
    this.#bufferBytes = o.bufferBytes;
  }

  /** Newest durable seq; 0 before the first event. */
  headSeq(): number {
    return this.#sequencer.headSeq();
  }

  /** Oldest seq still held; one past the head when there is none. */
  oldestSeq(): number {
    return this.#sequencer.oldestSeq();
  }

  /** Calls with every slice of new events, after they are durable. Gives a function that ends it. */
  onAppend(listener: (slice: EventSlice) => void): () => void {
    return this.#sequencer.onAppend(listener);
  }

  /**
   * Reads events after a seq, at least one, up to `maxBytes`; null when there is none. Seqs of forgotten accounts are missing.
   * @throws AssertionFailure when the database is damaged, or (rejects) a file does not hold what was written
   */
  read(afterSeq: number, maxBytes: number): EventSlice | null | Promise<EventSlice | null> {
    try {
      const run = this.#runs.after(afterSeq);
      return run === null ? this.#sequencer.readTail(afterSeq, maxBytes) : this.#readRun(run, afterSeq, maxBytes);
    } catch (fault) {
      throw asOwnCorruption(fault);
    }
  }

  async #readRun(run: Run, afterSeq: number, maxBytes: number): Promise<EventSlice | null> {
    const isWhole = afterSeq < run.firstSeq && run.held === run.count && (run.bytes <= maxBytes || run.count === 1);
    const piece = isWhole ? wholePiece(run) : this.#pieceWithin(run, afterSeq, maxBytes);
    if (piece === null) return await this.read(run.lastSeq, maxBytes);
    const isUsual = piece.bytes <= this.#bufferBytes;
    const buffer = isUsual ? this.#kept.pop() ?? Buffer.allocUnsafeSlow(this.#bufferBytes) : Buffer.allocUnsafeSlow(piece.bytes);
    const target = buffer.subarray(0, piece.bytes);
    const left = (await this.#files.read(run.file, run.start + piece.start, target)) ? piece.settle(target) : null;
    const release = isUsual ? () => this.#keep(buffer) : null;
    if (left !== null) return { bytes: target.subarray(0, left), firstSeq: piece.firstSeq, lastSeq: piece.lastSeq, count: piece.count, ...(release && { release }) };
    release?.();
    const now = this.#runs.after(afterSeq);
    if (now?.lastSeq === run.lastSeq && now.held === run.held) throw new AssertionFailure(`events are damaged: file=${run.file} start=${run.start + piece.start} bytes=${piece.bytes} seqs=${piece.firstSeq}-${piece.lastSeq}`);
    // It went out of the window, or an account was deleted, while it was read: read anew, unless the place itself is gone.
    return afterSeq + 1 < this.oldestSeq() ? null : await this.read(afterSeq, maxBytes);
  }

  /** Gives the events of a run that follow a seq, as many as fit; null when all of those were forgotten. */
  #pieceWithin({ lastSeq }: Run, afterSeq: number, maxBytes: number): Piece | null {
    const run = this.#runs.holding(lastSeq);
    return run === null ? null : pieceWithin(run, afterSeq, maxBytes);
  }

  #keep(buffer: Buffer): void {
    if (this.#kept.length < maxKeptBuffers) this.#kept.push(buffer);
  }
}

function wholePiece({ bytes, firstSeq, lastSeq, count, checksum }: Run): Piece {
  return { start: 0, bytes, firstSeq, lastSeq, count, settle: (read) => (crc32(read) === checksum ? bytes : null) };
}

function pieceWithin({ places }: PlacedRun, afterSeq: number, maxBytes: number): Piece | null {
  let index = places.indexAfter(afterSeq);
  while (index < places.count && !places.isHeld(index)) index++;
  if (index === places.count) return null;
  const first = index;
  let start = 0;
  for (let before = 0; before < first; before++) start += places.bytes(before);
  const taken: { at: number; bytes: number; checksum: number }[] = [];
  let [at, held, last] = [0, 0, first];
  for (; index < places.count; index++) {
    const bytes = places.bytes(index);
    if (places.isHeld(index)) {
      if (taken.length > 0 && held + bytes > maxBytes) break;
      taken.push({ at, bytes, checksum: places.checksum(index) });
      held += bytes;
      last = index;
    }
    at += bytes;
  }
  const end = taken.at(-1)!;
  const settle = (read: Buffer): number | null => {
    let to = 0;
    for (const event of taken) {
      if (crc32(read.subarray(event.at, event.at + event.bytes)) !== event.checksum) return null;
      if (event.at !== to) read.copyWithin(to, event.at, event.at + event.bytes);
      to += event.bytes;
    }
    return to;
  };
  return { start, bytes: end.at + end.bytes, firstSeq: places.seq(first), lastSeq: places.seq(last), count: taken.length, settle };
}
