/**
 * Takes the oldest events out of the table into files, from where replay is many times quicker, as soon as enough of them lie there.
 * Bytes go first: they are appended to a file and made durable; then one write of a group names the run and takes its rows away. A
 * crash before that leaves bytes nobody names, which the next run overwrites; after it, nothing is left to do. Every step is short,
 * since writes wait behind it. Place: behind hop 3 of the flow. Source: ours; decision 0027.
 */
import { crc32 } from 'node:zlib';
import { AssertionFailure } from '@dunlin/protocol/base/assert';
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { frameHeaderBytes, wrapFrame } from '@dunlin/service/websocket/frames';
import type { EventFiles } from './event-files.ts';
import type { GroupCommit } from './group-commit.ts';
import { packPlaces, type Place } from './places.ts';
import { RunStore, type EventFile, type NewRun } from './run-store.ts';
import type { Sequencer } from './sequencer.ts';

/** A file is not added to any more when it has so many bytes. */
export const fileBytes = 32 * 1024 * 1024;

/** Most events in a run, however small: its rows are removed in one go. */
export const maxRunEvents = 512;

/** Events are filed when the table has so many runs of them. */
export const runsWorthFiling = 4;

/** After a fault, as of a full disk, nothing is filed for so long, in ms. */
export const retryFilingMs = 10_000;

/** Bytes of a run to be, and what its row will say but for its place. */
interface Draft extends Omit<NewRun, 'file' | 'start'> {
  readonly frames: Buffer;
}

type Row = [seq: number, account: number, previous: number | null, createdAt: number, frame: Buffer];

/** What a run was made of was removed while it was written. */
class RowsChanged extends Error {}

/** Files events. */
export class Filing {
  readonly #groups: GroupCommit;
  readonly #files: EventFiles;
  readonly #runs: RunStore;
  readonly #clock: Clock;
  readonly #runBytes: number;
  readonly #fileSpanMs: number;
  readonly #onFault: (fault: unknown) => void;
  readonly #rowsFrom: Statement<[number], Row>;
  readonly #remove: Statement<[number, number], unknown>;
  readonly #unlisten: () => void;
  /** Bytes of events in the table, more than there are after some were removed there; unknown at first. */
  #waitingBytes = Infinity;
  #filing: Promise<void> | null = null;
  #idleUntilMs = 0;
  #isClosing = false;

  /** Runs have about `runBytes`; events of a file are not further apart than about `fileSpanMs`, as it goes by age. */
  constructor(o: {
    database: Database; sequencer: Sequencer; groups: GroupCommit; files: EventFiles; clock: Clock;
    runBytes: number; fileSpanMs: number; onFault: (fault: unknown) => void;
  }) {
    this.#groups = o.groups;
    this.#files = o.files;
    this.#runs = new RunStore(o.database);
    this.#clock = o.clock;
    this.#runBytes = o.runBytes;
    this.#fileSpanMs = o.fileSpanMs;
    this.#onFault = o.onFault;
    // By the connection that wrote them not long ago: it has their pages in its cache.
    this.#rowsFrom = o.database.prepare<[number], Row>('SELECT seq, account, previous, created_at, frame FROM event WHERE seq > ? ORDER BY seq').raw();
    this.#remove = o.database.prepare('DELETE FROM event WHERE seq BETWEEN ? AND ?');
    this.#unlisten = o.sequencer.onAppend(({ bytes }) => {
      this.#waitingBytes += bytes.length;
      this.nudge();
    });
  }

  /** Files events if there are enough of them; does not wait for it. */
  nudge(): void {
    const isWorthIt = this.#waitingBytes >= runsWorthFiling * this.#runBytes && this.#clock.elapsedMs() >= this.#idleUntilMs;
    // Whoever began what is under way hears of its fault.
    if (!isWorthIt || this.#filing !== null) return;
    this.file().catch((fault: unknown) => {
      this.#idleUntilMs = this.#clock.elapsedMs() + retryFilingMs;
      this.#onFault(fault);
    });
  }

  /** Files every full run there is, and resolves when that is done. */
  file(): Promise<void> {
    this.#filing ??= this.#fileAll().finally(() => (this.#filing = null));
    return this.#filing;
  }

  /** Ends after the step that is under way. */
  async close(): Promise<void> {
    this.#unlisten();
    this.#isClosing = true;
    // Its fault is told by who began it.
    await this.#filing?.catch(() => undefined);
  }

  async #fileAll(): Promise<void> {
    // A run more than what is looked for: it takes the event behind a run to know that the run is full.
    while (!this.#isClosing && this.#waitingBytes >= 2 * this.#runBytes) {
      // In a turn of its own: the caller's group has others who wait for it.
      await new Promise((resolve) => setImmediate(resolve));
      const drafts = await this.#drafts();
      if (drafts.length === 0) return;
      await this.#fileDrafts(drafts);
    }
  }

  async #drafts(): Promise<Draft[]> {
    const drafts: Draft[] = [];
    for (let after = 0; drafts.length < runsWorthFiling && this.#waitingBytes - sum(drafts) >= 2 * this.#runBytes;) {
      const { draft, bytes, isFull } = this.#draft(after);
      if (!isFull || draft === null) {
        this.#waitingBytes = sum(drafts) + bytes;
        break;
      }
      drafts.push(draft);
      after = draft.lastSeq;
      await new Promise((resolve) => setImmediate(resolve));
    }
    return drafts;
  }

  /** Makes a run of the events after a seq; it is full when one more would have been too much. */
  #draft(afterSeq: number): { draft: Draft | null; bytes: number; isFull: boolean } {
    const frames: Buffer[] = [];
    const places: Place[] = [];
    let [bytes, isFull, firstAt, lastAt] = [0, false, 0, 0];
    for (const [seq, account, previous, createdAt, payload] of this.#rowsFrom.iterate(afterSeq)) {
      const length = frameHeaderBytes(payload.length) + payload.length;
      isFull = places.length === maxRunEvents || (places.length > 0 && bytes + length > this.#runBytes);
      if (isFull) break;
      const frame = wrapFrame(payload);
      frames.push(frame);
      places.push({ seq, account, previous, bytes: length, checksum: crc32(frame) });
      if (places.length === 1) firstAt = createdAt;
      lastAt = createdAt;
      bytes += length;
    }
    if (!isFull) return { draft: null, bytes, isFull };
    const [whole, packed] = [Buffer.concat(frames), packPlaces(places)];
    const draft = { frames: whole, firstSeq: packed.seq(0), lastSeq: packed.seq(places.length - 1), bytes, checksum: crc32(whole), count: places.length, places: packed, firstAt, lastAt };
    return { draft, bytes, isFull };
  }

  async #fileDrafts(drafts: readonly Draft[]): Promise<void> {
    const into = this.#fileFor(drafts[0]!);
    let start = into.bytes;
    let isNamed = false;
    try {
      await this.#files.append(into.file, into.bytes, drafts.map(({ frames }) => frames));
      for (const { frames, ...draft } of drafts) {
        isNamed = await this.#name({ ...draft, file: into.file, start });
        if (!isNamed) break;
        start += frames.length;
        this.#waitingBytes -= frames.length;
      }
    } catch (fault) {
      // What a cut leaves is overwritten by the next run, or cut off at the next start.
      if (!isUnsettled(fault)) await this.#files.cut(into.file, start).catch(() => undefined);
      throw fault;
    }
    if (!isNamed) await this.#files.cut(into.file, start);
  }

  /** Gives the file to add to, and its end: the newest, unless it is long or began long before these events, or after them by a clock that was ahead. */
  #fileFor({ firstSeq, firstAt }: Draft): Pick<EventFile, 'file' | 'bytes'> {
    const newest = this.#runs.newestFile();
    const isFit = newest !== null && newest.bytes < fileBytes && Math.abs(firstAt - newest.firstAt) < this.#fileSpanMs;
    return isFit ? newest : { file: firstSeq, bytes: 0 };
  }

  /** Puts a run in the place of its rows; false when some of those, or the file, went meanwhile: by age or with their account. */
  async #name(run: NewRun): Promise<boolean> {
    try {
      await this.#groups.write(() => {
        if (!this.#runs.add(run)) throw new RowsChanged('file of a run is gone');
        const { changes } = this.#remove.run(run.firstSeq, run.lastSeq);
        if (changes > run.count) throw new AssertionFailure(`events were given within a run: first=${run.firstSeq} last=${run.lastSeq} rows=${changes} run=${run.count}`);
        if (changes < run.count) throw new RowsChanged('rows of a run are gone');
      });
      return true;
    } catch (fault) {
      if (fault instanceof RowsChanged) return false;
      throw fault;
    }
  }
}

/** Tells that nobody knows what the disk has of a transaction: a crash may bring it back, and with it a row that names the bytes. */
function isUnsettled(fault: unknown): boolean {
  return String((fault as { code?: unknown } | null)?.code).startsWith('SQLITE_IOERR');
}

function sum(drafts: readonly Draft[]): number {
  return drafts.reduce((bytes, { frames }) => bytes + frames.length, 0);
}
