/**
 * Exports whole repositories, or what a revision has not seen yet, as a CAR stream with flat memory.
 * Each export reads a snapshot through a connection of its own, so writes go on meanwhile and no block vanishes under it.
 * How many run at once is bounded, and so is how many wait; a reader that leaves, or does not keep a least pace, loses its place, and
 * what is left to send holds none. Not here: what is in an export and in which order (`export-blocks.ts`).
 * Source: lexicon com.atproto.sync.getRepo; docs/decisions/0030-a-least-pace.md.
 */
import { Readable } from 'node:stream';
import { systemClock, type Clock, type Timer } from '@dunlin/protocol/base/clock';
import { writeCarStream } from '@dunlin/protocol/car/write';
import { LentBody } from '@dunlin/service/http/lent-body';
import { Pace, type PaceRule } from '@dunlin/service/http/pace';
import type { Database } from '@dunlin/service/sqlite/database';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import { RepoSnapshot, type SnapshotHead } from './export-blocks.ts';
import { pieceBytes } from './export-car.ts';

/** Most exports at once, but for long ones. */
export const maxExportsAtOnce = 4;

/** An export that is read for longer, in ms, keeps nobody waiting any more. */
export const longAfterMs = 60_000;

/** Most long exports beside the others; when more wait, the slowest of them is cut off. */
export const maxLongExports = 12;

/** Most exports that wait for a place. */
export const maxExportsWaiting = 64;

/** How fast exports must be read: 8 KiB a second, within five minutes, for the buffers of a connection take megabytes and want more only when a third is gone. */
export const exportPace: PaceRule = { leastBytes: 2_457_600, windowMs: 300_000 };

/** How often readers are looked at, in ms. */
const lookEveryMs = 1_000;

/** An export under way. It holds a place until everything was read for it. */
class Reading {
  readonly #pace = new Pace(exportPace);
  readonly #giveBack: () => void;
  #bytes = 0;
  #readBytes = 0;
  #heldMs = 0;
  #isHeld = true;

  constructor(giveBack: () => void) {
    this.#giveBack = giveBack;
  }

  /** Gives what is read for it, and its place back behind the last. */
  *parts<T>(parts: Iterable<T>, lengthOf: (part: T) => number): Generator<T, void, undefined> {
    for (const part of parts) {
      this.#bytes += lengthOf(part);
      yield part;
    }
    this.end();
  }

  /** True for one that holds a place and has for long. */
  get isLong(): boolean {
    return this.#isHeld && this.#heldMs >= longAfterMs;
  }

  /** How fast it has been read until the last look. */
  get bytesPerMs(): number {
    return this.#readBytes / this.#heldMs;
  }

  /** False when what was asked for since the last look, `waitedMs` ago, was too little to go on holding a place. */
  keepsPace(waitedMs: number): boolean {
    const bytes = this.#bytes;
    this.#bytes = 0;
    this.#readBytes += bytes;
    this.#heldMs += waitedMs;
    return !this.#isHeld || this.#pace.took({ waitedMs, bytes });
  }

  end(): void {
    if (this.#isHeld) this.#giveBack();
    this.#isHeld = false;
  }
}

/** Exports repositories. */
export class RepoExporter {
  readonly #open: () => Database;
  readonly #onFault: (fault: unknown) => void;
  readonly #idle: RepoSnapshot[] = [];
  readonly #waiting: ((snapshot: RepoSnapshot) => void)[] = [];
  readonly #streams = new Map<Readable, Reading>();
  readonly #timer: Timer;
  #opened = 0;
  #places = maxExportsAtOnce;
  #isClosed = false;

  /** `open` opens the database once more, for reading only; `onFault` is told when an export had to be cut short. */
  constructor(open: () => Database, onFault: (fault: unknown) => void, clock: Clock = systemClock) {
    this.#open = open;
    this.#onFault = onFault;
    this.#timer = clock.every(lookEveryMs, () => this.#cutSlow(), { unref: true });
  }

  /**
   * Gives the CAR of a repository, with everything newer than `since` when that is given; null when the account has none.
   * @throws XrpcError 503 NotEnoughResources when too many exports wait
   */
  async export(accountId: number, since: string | null): Promise<Readable | null> {
    const moment = await this.#begin(accountId);
    if (moment === null) return null;
    const { snapshot, head } = moment;
    try {
      if (since === null) return this.#lendPieces(snapshot, accountId, head);
      const reading = new Reading(() => this.#giveBack(snapshot));
      const blocks = reading.parts(snapshot.newerThan(since, accountId, head), ([, bytes]) => bytes.length);
      return this.#lend(reading, Readable.from(writeCarStream(head.cid, blocks), { objectMode: false, highWaterMark: 1 }));
    } catch (fault) {
      this.#giveBack(snapshot);
      throw fault;
    }
  }

  /**
   * Gives the CAR of a whole repository and how many bytes it has, which costs a second reading; null when the account has none.
   * @throws XrpcError 503 NotEnoughResources when too many exports wait; the reason of the signal
   */
  async exportMeasured(accountId: number, signal: AbortSignal): Promise<{ readonly bytes: number; readonly rev: string; readonly car: Readable } | null> {
    const moment = await this.#begin(accountId);
    if (moment === null) return null;
    const { snapshot, head } = moment;
    try {
      let bytes = 0;
      const room = Buffer.allocUnsafeSlow(pieceBytes);
      for (const piece of snapshot.pieces(accountId, head)(() => room)) {
        bytes += piece.length;
        await new Promise((resolve) => void setImmediate(resolve));
        signal.throwIfAborted();
      }
      return { bytes, rev: head.rev, car: this.#lendPieces(snapshot, accountId, head) };
    } catch (fault) {
      this.#giveBack(snapshot);
      throw fault;
    }
  }

  async #begin(accountId: number): Promise<{ snapshot: RepoSnapshot; head: SnapshotHead } | null> {
    const snapshot = await this.#take();
    let head: SnapshotHead | null = null;
    try {
      head = snapshot.begin(accountId);
    } finally {
      if (head === null) this.#giveBack(snapshot);
    }
    return head && { snapshot, head };
  }

  #lendPieces(snapshot: RepoSnapshot, accountId: number, head: SnapshotHead): Readable {
    const [pieces, reading] = [snapshot.pieces(accountId, head), new Reading(() => this.#giveBack(snapshot))];
    return this.#lend(reading, new LentBody((room) => reading.parts(pieces(room), ({ length }) => length), pieceBytes));
  }

  #lend(reading: Reading, stream: Readable): Readable {
    this.#streams.set(stream, reading);
    stream.once('error', this.#onFault);
    stream.once('close', () => {
      this.#streams.delete(stream);
      reading.end();
    });
    return stream;
  }

  /** Cuts off who is too slow. It is their time alone: a piece that is asked for is there within milliseconds. */
  #cutSlow(): void {
    for (const [stream, reading] of this.#streams) if (!reading.keepsPace(lookEveryMs)) stream.destroy();
    this.#letBy();
  }

  /** Lets those who wait by who read for long: a few who take the least of a large repository would close the door for all. */
  #letBy(): void {
    const long = [...this.#streams].filter(([, { isLong }]) => isLong).sort(([, a], [, b]) => a.bytesPerMs - b.bytesPerMs);
    this.#places = maxExportsAtOnce + Math.min(long.length, maxLongExports);
    while (this.#waiting.length > 0 && this.#opened < this.#places) this.#waiting.shift()?.(this.#openOne());
    if (this.#waiting.length > 0 && long.length >= maxLongExports) long[0]?.[0].destroy();
  }

  /** Ends every export and closes the connections. */
  close(): void {
    this.#isClosed = true;
    this.#timer.cancel();
    for (const stream of this.#streams.keys()) stream.destroy();
    for (const snapshot of this.#idle.splice(0)) snapshot.close();
  }

  async #take(): Promise<RepoSnapshot> {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#opened < this.#places) return this.#openOne();
    if (this.#waiting.length >= maxExportsWaiting) throw new XrpcError(503, 'NotEnoughResources', 'too many exports at once, try again later');
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  #openOne(): RepoSnapshot {
    const snapshot = new RepoSnapshot(this.#open());
    this.#opened++;
    return snapshot;
  }

  #giveBack(snapshot: RepoSnapshot): void {
    snapshot.end();
    const isOneTooMany = this.#opened > this.#places;
    const next = isOneTooMany || this.#isClosed ? undefined : this.#waiting.shift();
    if (next) return next(snapshot);
    if (!this.#isClosed && this.#opened <= maxExportsAtOnce) return void this.#idle.push(snapshot);
    snapshot.close();
    this.#opened--;
  }
}
