/**
 * The event part of a PDS on a folder of its own, with all that goes on behind it, and a plain model beside it of what was told.
 * It can be opened again, after a close or as after a crash. Not a test itself. Source: ours.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { openDatabase, type Database } from '@dunlin/service/sqlite/database';
import { wrapFrame } from '@dunlin/service/websocket/frames';
import { Erasure } from '../../../pds/src/sequencer/erasure.ts';
import { EventFiles, eventFilePath, eventFolder, listEventFiles } from '../../../pds/src/sequencer/event-files.ts';
import { Filing } from '../../../pds/src/sequencer/filing.ts';
import { GroupCommit } from '../../../pds/src/sequencer/group-commit.ts';
import { EventReplay } from '../../../pds/src/sequencer/replay.ts';
import { Retention } from '../../../pds/src/sequencer/retention.ts';
import { RunStore } from '../../../pds/src/sequencer/run-store.ts';
import { eventRunSchema, sequencerSchema } from '../../../pds/src/sequencer/schema.ts';
import { Sequencer } from '../../../pds/src/sequencer/sequencer.ts';
import { temporaryFolder } from '../../harness/temporary.ts';
import { splitFrames } from '../../service/firehose/fake-connection.ts';

export const windowMs = 800_000;

/** An event as it was told. */
export interface Told {
  seq: number;
  account: number;
  atMs: number;
  /** With its WebSocket header. */
  frame: Buffer;
}

export class EventHome {
  readonly path: string;
  readonly clock = new ManualClock();
  readonly runBytes: number;
  /** Every event that is to be replayed, in order. */
  told: Told[] = [];
  readonly faults: unknown[] = [];
  database!: Database;
  reading!: Database;
  sequencer!: Sequencer;
  groups!: GroupCommit;
  runs!: RunStore;
  files!: EventFiles;
  filing!: Filing;
  erasure!: Erasure;
  retention!: Retention;
  replay!: EventReplay;
  readonly #remove: () => Promise<void>;

  static async make(runBytes = 1_000): Promise<EventHome> {
    const home = new EventHome(await temporaryFolder(), runBytes);
    home.open();
    return home;
  }

  private constructor(folder: { path: string; remove: () => Promise<void> }, runBytes: number) {
    this.path = folder.path;
    this.#remove = folder.remove;
    this.runBytes = runBytes;
  }

  get folder(): string {
    return eventFolder(this.path);
  }

  /** Paths of the files of events. */
  get filePaths(): string[] {
    return listEventFiles(this.folder).map((file) => eventFilePath(this.folder, file));
  }

  /** What is done later is done when a test says so, but for filing. */
  open(): void {
    const open = (isReadOnly: boolean): Database => openDatabase(join(this.path, 'pds.sqlite'), { migrations: [sequencerSchema, eventRunSchema], readonly: isReadOnly });
    this.database = open(false);
    this.reading = open(true);
    this.runs = new RunStore(this.database);
    this.files = new EventFiles(this.folder, this.runs.files());
    this.sequencer = new Sequencer(this.database, this.clock, this.reading);
    this.groups = new GroupCommit({ database: this.database, sequencer: this.sequencer, clock: this.clock });
    const parts = { database: this.database, reading: this.reading, sequencer: this.sequencer, groups: this.groups, files: this.files, clock: this.clock, onFault: (fault: unknown) => void this.faults.push(fault) };
    this.filing = new Filing({ ...parts, runBytes: this.runBytes, fileSpanMs: windowMs / 8 });
    this.erasure = new Erasure(parts);
    this.retention = new Retention({ ...parts, windowMs });
    this.replay = new EventReplay({ ...parts, bufferBytes: this.runBytes });
  }

  /** Lets go of everything as a crash does: nothing more is written to the database. */
  async crash(): Promise<void> {
    const crashed = new Error('crashed');
    this.groups.write = () => Promise.reject(crashed);
    await this.filing.close();
    this.faults.splice(0, this.faults.length, ...this.faults.filter((fault) => fault !== crashed));
    this.database.close();
    this.reading.close();
    await this.files.close();
  }

  async close(): Promise<void> {
    await this.filing.close();
    this.groups.drain();
    await this.files.close();
    this.database.close();
    this.reading.close();
  }

  async remove(): Promise<void> {
    await this.close();
    await this.#remove();
  }

  /** Writes events of accounts, in one group, each with so much more in it. */
  async tell(accounts: readonly number[], padding = 0): Promise<void> {
    const bytes: Buffer[] = [];
    const unlisten = this.sequencer.onAppend((slice) => bytes.push(Buffer.from(slice.bytes)));
    const atMs = this.clock.nowMs();
    const stage = (account: number): number => this.sequencer.stage(account, { kind: 'identity', did: `did:web:account${account}.org`, handle: 'x'.repeat(padding) });
    const seqs = await Promise.all(accounts.map((account) => this.groups.write(() => stage(account))));
    unlisten();
    const frames = bytes.flatMap(splitFrames).map((payload) => wrapFrame(payload));
    this.told.push(...frames.map((frame, index) => ({ seq: seqs[index]!, account: accounts[index]!, atMs, frame })));
  }

  /** Some hundred bytes an event, of three accounts. */
  async tellMuch(count = 60): Promise<void> {
    await this.tell(Array.from({ length: count }, (_each, n) => 1 + (n % 3)), 50);
  }

  /** Forgets an account, here and in the model. */
  async forget(account: number): Promise<void> {
    await this.groups.write(() => this.sequencer.forget(account));
    this.sequencer.refreshOldest();
    this.told = this.told.filter((event) => event.account !== account);
  }

  /** What a reader of all is to get from a cursor. */
  expected(cursor: number): Buffer {
    return Buffer.concat(this.told.filter(({ seq }) => seq > cursor).map(({ frame }) => frame));
  }

  /** Reads from a cursor to the end, in pieces, and gives buffers back. @throws Error when a piece is not as promised */
  async readAll(cursor: number, maxBytes = this.runBytes): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for (let at = cursor; ;) {
      const slice = await this.replay.read(at, maxBytes);
      if (slice === null) return Buffer.concat(pieces);
      const frames = splitFrames(slice.bytes);
      if (slice.firstSeq <= at || slice.lastSeq < slice.firstSeq || frames.length !== slice.count) throw new Error('slice is not what it says');
      if (slice.bytes.length > maxBytes && slice.count > 1) throw new Error('slice is too large');
      pieces.push(Buffer.from(slice.bytes));
      at = slice.lastSeq;
      slice.release?.();
    }
  }

  /** Reads from every cursor there is, in pieces of several sizes. */
  async expectReplay(): Promise<void> {
    const cursors = [0, ...this.told.map(({ seq }) => seq), this.sequencer.headSeq()];
    for (const maxBytes of [1, this.runBytes / 2, this.runBytes, this.runBytes * 5]) {
      for (const cursor of cursors) expect((await this.readAll(cursor, maxBytes)).equals(this.expected(cursor))).toBe(true);
    }
  }

  /** Events in the table. */
  rows(): number {
    return Number(this.database.prepare('SELECT count(*) FROM event').pluck().get());
  }

  /** Events in files, forgotten ones too. */
  filed(): number {
    return Number(this.database.prepare('SELECT coalesce(sum(count), 0) FROM event_run').pluck().get());
  }

  /** All files, one behind the other. */
  onDisk(): Buffer {
    return Buffer.concat(this.filePaths.map((path) => readFileSync(path)));
  }
}
