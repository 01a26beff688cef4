/**
 * The rows that say which events lie where in files: runs, and the files they are in. These rows are the truth: bytes that none of
 * them names are no events, and a file that is shorter than they say is damaged.
 * Not for bytes (`event-files.ts`), nor for when runs are made (`filing.ts`). What changes rows is called within a transaction.
 * Source: ours; decision 0027.
 */
import { crc32 } from 'node:zlib';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { Places } from './places.ts';

/** Consecutive events that lie side by side in a file. */
export interface Run {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly file: number;
  /** Where it begins in its file, in bytes. */
  readonly start: number;
  readonly bytes: number;
  /** CRC-32 of all of it as it was written. */
  readonly checksum: number;
  readonly count: number;
  /** Events not forgotten. */
  readonly held: number;
}

/** A run with its events. */
export interface PlacedRun extends Run {
  readonly places: Places;
}

/** A file as the rows have it. */
export interface EventFile {
  /** Seq of its first event, and its name. */
  readonly file: number;
  readonly bytes: number;
  readonly lastSeq: number;
  readonly firstAt: number;
  readonly lastAt: number;
}

/** A run that is new, with the times of its first and last event, in ms since 1970. */
export interface NewRun extends Omit<PlacedRun, 'held'> {
  readonly firstAt: number;
  readonly lastAt: number;
}

const runColumns = 'first_seq AS firstSeq, last_seq AS lastSeq, file, start, bytes, checksum, count, held';
const fileColumns = 'file, bytes, last_seq AS lastSeq, first_at AS firstAt, last_at AS lastAt';

type PackedRun = Run & { places: Buffer };

/** Keeps them. */
export class RunStore {
  readonly #after: Statement<[number], Run>;
  readonly #holding: Statement<[number], PackedRun>;
  readonly #oldest: Statement<[], PackedRun>;
  readonly #toErase: Statement<[], PackedRun>;
  readonly #insert: Statement<[Record<string, unknown>], unknown>;
  readonly #beginFile: Statement<[Record<string, unknown>], unknown>;
  readonly #extendFile: Statement<[Record<string, unknown>], unknown>;
  readonly #setPlaces: Statement<[Buffer, number, number], unknown>;
  readonly #setErased: Statement<[number, number], unknown>;
  readonly #files: Statement<[], EventFile>;
  readonly #newestFile: Statement<[], EventFile>;
  readonly #removeFile: Statement<[number, number], unknown>;
  readonly #removeRuns: Statement<[number, number], unknown>;
  readonly #fileBytes: Statement<[], number | null>;
  readonly #heldIn: Statement<[number, number], number>;
  readonly #runsOf: Statement<[number, number], PackedRun>;

  constructor(database: Database) {
    this.#after = database.prepare(`SELECT ${runColumns} FROM event_run WHERE last_seq > ? AND held > 0 ORDER BY last_seq LIMIT 1`);
    this.#holding = database.prepare(`SELECT ${runColumns}, places FROM event_run WHERE last_seq >= ? ORDER BY last_seq LIMIT 1`);
    this.#oldest = database.prepare(`SELECT ${runColumns}, places FROM event_run WHERE held > 0 ORDER BY last_seq LIMIT 1`);
    this.#toErase = database.prepare(`SELECT ${runColumns}, places FROM event_run WHERE is_to_erase = 1 ORDER BY last_seq LIMIT 1`);
    this.#insert = database.prepare(`INSERT INTO event_run (first_seq, last_seq, file, start, bytes, checksum, count, held, places)
      VALUES (@firstSeq, @lastSeq, @file, @start, @bytes, @checksum, @count, @count, @packed)`);
    this.#beginFile = database.prepare('INSERT INTO event_file (file, bytes, last_seq, first_at, last_at) VALUES (@file, @end, @lastSeq, @firstAt, @lastAt)');
    this.#extendFile = database.prepare('UPDATE event_file SET bytes = @end, last_seq = @lastSeq, last_at = max(last_at, @lastAt) WHERE file = @file AND bytes = @start');
    this.#setPlaces = database.prepare('UPDATE event_run SET places = ?, held = ?, is_to_erase = 1 WHERE last_seq = ?');
    this.#setErased = database.prepare('UPDATE event_run SET is_to_erase = 0 WHERE last_seq = ? AND held = ?');
    this.#files = database.prepare(`SELECT ${fileColumns} FROM event_file ORDER BY file`);
    this.#newestFile = database.prepare(`SELECT ${fileColumns} FROM event_file ORDER BY file DESC LIMIT 1`);
    this.#removeFile = database.prepare('DELETE FROM event_file WHERE file = ? AND last_seq = ?');
    this.#removeRuns = database.prepare('DELETE FROM event_run WHERE last_seq BETWEEN ? AND ?');
    this.#fileBytes = database.prepare<[], number | null>('SELECT sum(bytes) FROM event_file').pluck();
    this.#heldIn = database.prepare<[number, number], number>('SELECT sum(held) FROM event_run WHERE last_seq BETWEEN ? AND ?').pluck();
    this.#runsOf = database.prepare(`SELECT ${runColumns}, places FROM event_run WHERE last_seq BETWEEN ? AND ? ORDER BY last_seq`);
  }

  /** Gives the first run with an event above a seq; null when there is none. */
  after(seq: number): Run | null {
    return this.#after.get(seq) ?? null;
  }

  /** Gives the run that a seq is within; null when it is above or below all of them, or between two. */
  holding(seq: number): PlacedRun | null {
    const run = placed(this.#holding.get(seq));
    return run !== null && run.firstSeq <= seq ? run : null;
  }

  /** Gives the seq of the oldest event in files; null when there is none. */
  oldestSeq(): number | null {
    const run = placed(this.#oldest.get());
    if (run === null) return null;
    let index = 0;
    while (!run.places.isHeld(index)) index++;
    return run.places.seq(index);
  }

  /** Adds a run at the end of its file, which begins with it when that is at 0; false, and nothing done, when the file is gone or does not end there. */
  add({ places, ...run }: NewRun): boolean {
    const [end, file] = [run.start + run.bytes, run.start === 0 ? this.#beginFile : this.#extendFile];
    if (file.run({ ...run, end }).changes === 0) return false;
    this.#insert.run({ ...run, packed: places.packed });
    return true;
  }

  /** Makes gaps of an account's events, from one back to its first that is here; their bytes are to be erased when that is durable. */
  forget(account: number, from: number): void {
    let run: PlacedRun | null = null;
    let forgotten = 0;
    const keep = (): void => {
      if (run !== null && forgotten > 0) this.#setPlaces.run(run.places.packed, run.held - forgotten, run.lastSeq);
    };
    for (let seq: number | null = from; seq !== null;) {
      if (run === null || seq < run.firstSeq) {
        keep();
        run = this.holding(seq);
        forgotten = 0;
        if (run === null) return;
      }
      const index: number = run.places.indexAfter(seq - 1);
      if (run.places.seq(index) !== seq || run.places.account(index) !== account) break;
      seq = run.places.previous(index);
      run.places.forget(index);
      forgotten += 1;
    }
    keep();
  }

  /** Gives a run with forgotten events whose bytes may still be in the file; null when there is none. */
  toErase(): PlacedRun | null {
    return placed(this.#toErase.get());
  }

  /** Notes that the bytes of what was forgotten are gone, unless more was forgotten since the run was read. */
  setErased({ lastSeq, held }: Run): void {
    this.#setErased.run(lastSeq, held);
  }

  /** Gives the files, oldest first. */
  files(): EventFile[] {
    return this.#files.all();
  }

  /** Says how long all files are together. */
  fileBytes(): number {
    return this.#fileBytes.get() ?? 0;
  }

  /** Gives the file that runs are added to; null when there is none. */
  newestFile(): EventFile | null {
    return this.#newestFile.get() ?? null;
  }

  /** Removes a file with its runs from the rows; false when it was added to since it was read. */
  removeFile({ file, lastSeq }: EventFile): boolean {
    if (this.#removeFile.run(file, lastSeq).changes === 0) return false;
    this.#removeRuns.run(file, lastSeq);
    return true;
  }

  /** Says how many events of a file are not forgotten. */
  heldIn({ file, lastSeq }: EventFile): number {
    return this.#heldIn.get(file, lastSeq) ?? 0;
  }

  /** Gives the runs of a file, in order. */
  runsOf({ file, lastSeq }: EventFile): PlacedRun[] {
    return this.#runsOf.all(file, lastSeq).map((row) => placed(row)!);
  }
}

function placed(row: PackedRun | undefined): PlacedRun | null {
  return row === undefined ? null : { ...row, places: new Places(row.places) };
}

/** Tells whether bytes are those of the events of a run; what is where some were forgotten does not matter. */
export function holdsEvents(bytes: Buffer, { places, held, count, checksum }: PlacedRun): boolean {
  if (held === count) return crc32(bytes) === checksum;
  let at = 0;
  for (let index = 0; index < places.count; index++) {
    const end = at + places.bytes(index);
    if (places.isHeld(index) && crc32(bytes.subarray(at, end)) !== places.checksum(index)) return false;
    at = end;
  }
  return true;
}

/** Gives where in its file a run has forgotten events; those side by side are one place. */
export function gapsOf({ start, places }: PlacedRun): { start: number; bytes: number }[] {
  const gaps: { start: number; bytes: number }[] = [];
  let at = start;
  for (let index = 0; index < places.count; index++) {
    const bytes = places.bytes(index);
    const before = gaps.at(-1);
    if (!places.isHeld(index)) {
      if (before !== undefined && before.start + before.bytes === at) before.bytes += bytes;
      else gaps.push({ start: at, bytes });
    }
    at += bytes;
  }
  return gaps;
}
