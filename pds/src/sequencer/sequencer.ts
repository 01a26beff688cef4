/**
 * Gives every event its seq and its place in the table, and hands it on once it is durable.
 * Hop 3 of the flow (`stage`, inside a group commit). One writer: `group-commit.ts`.
 * Invariants: a seq is given once and only grows; a listener hears only what is durable, in order of seq.
 * The table holds the tail of events; what went to files (`filing.ts`) is read by `replay.ts`, which is the log for consumers.
 * Not here: who asks for which cursor (`service/firehose`), pruning by age (`retention.ts`). Source: ours.
 */
import { assert } from '@dunlin/protocol/base/assert';
import type { Clock } from '@dunlin/protocol/base/clock';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import type { AccountEvent, CommitEvent, IdentityEvent, SyncEvent } from '@dunlin/protocol/stream/event';
import type { EventSlice } from '@dunlin/service/firehose/event-log';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { frameHeaderBytes, writeFrameHeader } from '@dunlin/service/websocket/frames';
import { RunStore } from './run-store.ts';

type Unsequenced<E> = E extends unknown ? Omit<E, 'seq' | 'time'> : never;

/** An event before it has a seq and a time. */
export type NewEvent = Unsequenced<CommitEvent | SyncEvent | IdentityEvent | AccountEvent>;

interface StagedFrame {
  readonly seq: number;
  readonly frame: Uint8Array;
}

/** A place in the staging area to go back to. */
export type StageMark = number;

/** Most rows one read takes from the table, whatever their size; and how many it looks at however long the last ones were. */
const maxReadRows = 1_000, minReadRows = 16;

/** The PDS's events as they come about. */
export class Sequencer {
  readonly #clock: Clock;
  readonly #runs: RunStore;
  readonly #insert: Statement<[number, number, number, number, Uint8Array], unknown>;
  readonly #newest: Statement<[number], number>;
  readonly #setNewest: Statement<[number, number], unknown>;
  readonly #unsetNewest: Statement<[number], unknown>;
  readonly #remove: Statement<[number, number], { previous: number | null }>;
  readonly #lengthsAfter: Statement<[number, number], string | null>;
  readonly #framesAfter: Statement<[number, number], [frames: Buffer, firstSeq: number, lastSeq: number]>;
  readonly #oldest: Statement<[], number | null>;
  readonly #setGiven: (seq: number) => void;
  readonly #seqsAround: Statement<[number], { seq: number; created_at: number }>;
  readonly #listeners = new Set<(slice: EventSlice) => void>();
  #staged: StagedFrame[] = [];
  #headSeq: number;
  #oldestSeq: number;
  /** Length of a frame in the last read, in bytes: tells how many rows to look at for the next. */
  #usualBytes = 2_048;

  /** `reading` is the connection that events are read back with; it sees what is durable. */
  constructor(database: Database, clock: Clock, reading: Database = database) {
    this.#clock = clock;
    this.#runs = new RunStore(database);
    this.#insert = database.prepare(`INSERT INTO event (seq, account, previous, created_at, frame)
      VALUES (?, ?, (SELECT seq FROM newest_event WHERE account = ?), ?, ?)`);
    this.#newest = database.prepare<[number], number>('SELECT seq FROM newest_event WHERE account = ?').pluck();
    this.#setNewest = database.prepare('INSERT INTO newest_event (account, seq) VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET seq = excluded.seq');
    this.#unsetNewest = database.prepare('DELETE FROM newest_event WHERE account = ?');
    this.#remove = database.prepare('DELETE FROM event WHERE seq = ? AND account = ? RETURNING previous');
    // One value for many rows: handing rows over one by one costs several times what reading them costs. For the plus sign see docs/gotchas.md.
    this.#lengthsAfter = reading
      .prepare<[number, number], string | null>('SELECT group_concat(length) FROM (SELECT length(frame) AS length FROM event WHERE seq > ? ORDER BY seq LIMIT +?)')
      .pluck();
    this.#framesAfter = reading
      .prepare<[number, number], [Buffer, number, number]>(
        "SELECT CAST(group_concat(frame, '') AS BLOB), min(seq), max(seq) FROM (SELECT seq, frame FROM event WHERE seq > ? ORDER BY seq LIMIT +?)")
      .raw();
    this.#oldest = database.prepare<[], number | null>('SELECT min(seq) FROM event').pluck();
    const forgetGiven = database.prepare<[], unknown>("DELETE FROM sqlite_sequence WHERE name = 'event'");
    const addGiven = database.prepare<[number], unknown>("INSERT INTO sqlite_sequence (name, seq) VALUES ('event', ?)");
    this.#setGiven = database.transaction((seq: number) => {
      forgetGiven.run();
      addGiven.run(seq);
    }).immediate;
    this.#seqsAround = database.prepare('SELECT seq, created_at FROM event WHERE seq >= ? ORDER BY seq LIMIT 1');
    const given = database.prepare<[], number>("SELECT seq FROM sqlite_sequence WHERE name = 'event'").pluck().get();
    this.#headSeq = given ?? 0;
    this.#oldestSeq = this.#findOldest();
  }

  /** Newest durable seq; 0 before the first event. */
  headSeq(): number {
    return this.#headSeq;
  }

  /** Oldest seq still held, in files or in the table; one past the head when there is none. */
  oldestSeq(): number {
    return this.#oldestSeq;
  }

  /** Bytes of events in files. */
  fileBytes(): number {
    return this.#runs.fileBytes();
  }

  /** Reads events of the table after a seq, at least one, up to `maxBytes`; null when there is none. Seqs of forgotten accounts are missing. */
  readTail(afterSeq: number, maxBytes: number): EventSlice | null {
    const rows = Math.min(maxReadRows, Math.max(minReadRows, Math.ceil(maxBytes / this.#usualBytes)));
    const lengths = this.#lengthsAfter.get(afterSeq, rows)?.split(',').map(Number) ?? [];
    let [count, bytes] = [0, 0];
    for (const length of lengths) {
      const framedBytes = frameHeaderBytes(length) + length;
      if (count > 0 && bytes + framedBytes > maxBytes) break;
      count += 1;
      bytes += framedBytes;
    }
    if (count === 0) return null;
    this.#usualBytes = Math.max(1, bytes / count);
    const [frames, firstSeq, lastSeq] = this.#framesAfter.get(afterSeq, count)!;
    return { bytes: framed(frames, lengths.slice(0, count)), firstSeq, lastSeq, count };
  }

  /** Calls with every slice of new events, after they are durable. Gives a function that ends it. */
  onAppend(listener: (slice: EventSlice) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Gives the newest seq of the table whose event is older than the moment, or the seq before its oldest. Takes times to grow with seq. */
  seqAtTime(ms: number): number {
    let low = this.#oldest.get() ?? this.#headSeq + 1;
    let high = this.#headSeq + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const row = this.#seqsAround.get(middle);
      if (row === undefined || row.created_at >= ms) high = middle;
      else low = row.seq + 1;
    }
    return low - 1;
  }

  /** Gives an event its seq and writes it within the transaction that is open. It is told to nobody before `publish`. */
  stage(accountId: number, event: NewEvent): number {
    const nowMs = this.#clock.nowMs();
    const seq = this.#nextSeq();
    const frame = encodeEvent({ ...event, seq, time: new Date(nowMs).toISOString() });
    this.#insert.run(seq, accountId, accountId, nowMs, frame);
    this.#setNewest.run(accountId, seq);
    this.#staged.push({ seq, frame });
    return seq;
  }

  /** Removes every earlier event of an account, for its deletion; to be called within a transaction, before the last event is staged. */
  forget(accountId: number): void {
    let seq = this.#newest.get(accountId) ?? null;
    for (let row; seq !== null && (row = this.#remove.get(seq, accountId)) !== undefined;) seq = row.previous;
    // From there on it is in files. The chain ends where an event is gone already, by age.
    if (seq !== null) this.#runs.forget(accountId, seq);
    this.#unsetNewest.run(accountId);
  }

  /** Gives the present end of the staging area. */
  mark(): StageMark {
    return this.#staged.length;
  }

  /** Drops what was staged after a mark: its rows were rolled back, nobody heard of its seqs, so they are free again. */
  rewind(mark: StageMark): void {
    this.#staged.length = mark;
  }

  /** Hands on what was staged: the transaction is durable. */
  publish(): void {
    const frames = this.#staged;
    if (frames.length === 0) return;
    this.#staged = [];
    const slice = toSlice(frames);
    this.#headSeq = slice.lastSeq;
    for (const listener of this.#listeners) listener(slice);
  }

  /** Leaves seqs out up to one, inclusive, so that the next event is above it; nothing happens when it is passed already. Between groups only. */
  skipTo(seq: number): void {
    assert(this.#staged.length === 0, 'seqs are left out within a group');
    if (seq <= this.#headSeq) return;
    this.#setGiven(seq);
    this.#headSeq = seq;
    this.refreshOldest();
  }

  /** Looks again which event is the oldest, after rows were removed. */
  refreshOldest(): void {
    this.#oldestSeq = this.#findOldest();
  }

  #findOldest(): number {
    return this.#runs.oldestSeq() ?? this.#oldest.get() ?? this.#headSeq + 1;
  }

  #nextSeq(): number {
    const last = this.#staged.at(-1)?.seq ?? this.#headSeq;
    assert(last < Number.MAX_SAFE_INTEGER, 'seq has no successor');
    return last + 1;
  }
}

function toSlice(frames: readonly StagedFrame[]): EventSlice {
  const [first] = frames;
  const last = frames.at(-1);
  assert(first !== undefined && last !== undefined, 'a slice has at least one event');
  const payloads = frames.map(({ frame }) => frame);
  const bytes = framed(payloads.length === 1 ? payloads[0]! : Buffer.concat(payloads), payloads.map((frame) => frame.length));
  return { bytes, firstSeq: first.seq, lastSeq: last.seq, count: frames.length };
}

/** Gives frames that lie side by side each behind its WebSocket header. */
function framed(frames: Uint8Array, lengths: readonly number[]): Buffer {
  let size = frames.length;
  for (const length of lengths) size += frameHeaderBytes(length);
  const bytes = Buffer.allocUnsafeSlow(size);
  let [from, to] = [0, 0];
  for (const length of lengths) {
    to = writeFrameHeader(bytes, to, length);
    bytes.set(frames.subarray(from, from + length), to);
    from += length;
    to += length;
  }
  return bytes;
}
