/** A log in memory that keeps the rules of EventLog, with a window and with or without waiting; for tests. */
import type { EventLog, EventSlice } from '@dunlin/service/firehose/event-log';
import { wrapFrame } from '@dunlin/service/websocket/frames';

interface Entry {
  readonly seq: number;
  readonly frame: Buffer;
}

/** Payload of an event in these tests: its seq as text, padded to the wanted length. */
export function payloadOf(seq: number, bytes = 0): Buffer {
  return Buffer.from(String(seq).padEnd(bytes, '.'));
}

/** Reads a payload's seq back. */
export function seqOf(payload: Uint8Array): number {
  return Number.parseInt(Buffer.from(payload).toString('latin1'), 10);
}

export class MemoryLog implements EventLog {
  readonly entries: Entry[] = [];
  readonly #listeners = new Set<(slice: EventSlice) => void>();
  /** True makes reads promises. */
  isSlow = false;
  /** True spoils what was read as soon as it is given back, as a log does that uses its buffers again. */
  isReusing = false;
  /** Slices read and not given back. */
  lent = 0;
  reads = 0;
  #head: number;
  /** Seq of the newest event that was forgotten, or of the newest before the log began. */
  #forgotten: number;

  constructor(head = 0) {
    this.#head = head;
    this.#forgotten = head;
  }

  headSeq(): number {
    return this.#head;
  }

  oldestSeq(): number {
    return this.#forgotten + 1;
  }

  read(afterSeq: number, maxBytes: number): EventSlice | null | Promise<EventSlice | null> {
    this.reads++;
    const slice = this.#slice(afterSeq, maxBytes);
    return this.isSlow ? new Promise((resolve) => setImmediate(() => resolve(slice))) : slice;
  }

  onAppend(listener: (slice: EventSlice) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Appends events with these seqs as one slice. */
  append(seqs: readonly number[], payloadBytes = 0): void {
    const added = seqs.map((seq) => ({ seq, frame: wrapFrame(payloadOf(seq, payloadBytes)) }));
    this.entries.push(...added);
    const first = added[0]?.seq ?? 0;
    this.#head = added.at(-1)?.seq ?? this.#head;
    const slice = { bytes: Buffer.concat(added.map(({ frame }) => frame)), firstSeq: first, lastSeq: this.#head, count: added.length };
    for (const listener of this.#listeners) listener(slice);
  }

  /** Forgets all events but the newest `keep`. */
  trim(keep: number): void {
    this.#forgotten = this.entries.splice(0, Math.max(0, this.entries.length - keep)).at(-1)?.seq ?? this.#forgotten;
  }

  #slice(afterSeq: number, maxBytes: number): EventSlice | null {
    const start = this.entries.findIndex(({ seq }) => seq > afterSeq);
    if (start === -1) return null;
    let bytes = 0;
    const taken: Entry[] = [];
    for (const entry of this.entries.slice(start)) {
      if (taken.length > 0 && bytes + entry.frame.length > maxBytes) break;
      bytes += entry.frame.length;
      taken.push(entry);
    }
    const [first, last] = [taken[0], taken.at(-1)];
    if (first === undefined || last === undefined) return null;
    const slice = { bytes: Buffer.concat(taken.map(({ frame }) => frame)), firstSeq: first.seq, lastSeq: last.seq, count: taken.length };
    return this.isReusing ? { ...slice, release: this.#lend(slice.bytes) } : slice;
  }

  #lend(bytes: Buffer): () => void {
    this.lent += 1;
    let isLent = true;
    return () => {
      if (!isLent) throw new Error('a buffer was given back twice');
      isLent = false;
      this.lent -= 1;
      bytes.fill(0x39);
    };
  }
}
