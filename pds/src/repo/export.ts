/**
 * Exports whole repositories, or what a revision has not seen yet, as a CAR stream with flat memory.
 * Each export reads a snapshot through a connection of its own, so writes go on meanwhile and no block vanishes under it.
 * How many run at once is bounded, and so is how many wait; a reader that leaves or stalls gives its place back.
 * Not here: what is in an export and in which order (`export-blocks.ts`).
 * Source: lexicon com.atproto.sync.getRepo.
 */
import { Readable } from 'node:stream';
import { writeCarStream } from '@dunlin/protocol/car/write';
import { LentBody } from '@dunlin/service/http/lent-body';
import type { Database } from '@dunlin/service/sqlite/database';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import { RepoSnapshot, type SnapshotHead } from './export-blocks.ts';
import { pieceBytes } from './export-car.ts';

/** Most exports at once. */
export const maxExportsAtOnce = 4;

/** Most exports that wait for a place. */
export const maxExportsWaiting = 64;

/** Exports repositories. */
export class RepoExporter {
  readonly #open: () => Database;
  readonly #onFault: (fault: unknown) => void;
  readonly #idle: RepoSnapshot[] = [];
  readonly #waiting: ((snapshot: RepoSnapshot) => void)[] = [];
  readonly #streams = new Set<Readable>();
  #opened = 0;
  #isClosed = false;

  /** `open` opens the database once more, for reading only; `onFault` is told when an export had to be cut short. */
  constructor(open: () => Database, onFault: (fault: unknown) => void) {
    this.#open = open;
    this.#onFault = onFault;
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
      return this.#lend(snapshot, since === null
        ? new LentBody(snapshot.pieces(accountId, head), pieceBytes)
        : Readable.from(writeCarStream(head.cid, snapshot.newerThan(since, accountId, head)), { objectMode: false, highWaterMark: 1 }));
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
      return { bytes, rev: head.rev, car: this.#lend(snapshot, new LentBody(snapshot.pieces(accountId, head), pieceBytes)) };
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

  /** Lends a snapshot to a stream until that is closed. */
  #lend(snapshot: RepoSnapshot, stream: Readable): Readable {
    this.#streams.add(stream);
    stream.once('error', this.#onFault);
    stream.once('close', () => {
      this.#streams.delete(stream);
      this.#giveBack(snapshot);
    });
    return stream;
  }

  /** Ends every export and closes the connections. */
  close(): void {
    this.#isClosed = true;
    for (const stream of this.#streams) stream.destroy();
    for (const snapshot of this.#idle.splice(0)) snapshot.close();
  }

  async #take(): Promise<RepoSnapshot> {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#opened < maxExportsAtOnce) {
      const snapshot = new RepoSnapshot(this.#open());
      this.#opened++;
      return snapshot;
    }
    if (this.#waiting.length >= maxExportsWaiting) throw new XrpcError(503, 'NotEnoughResources', 'too many exports at once, try again later');
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  #giveBack(snapshot: RepoSnapshot): void {
    snapshot.end();
    const next = this.#waiting.shift();
    if (this.#isClosed) snapshot.close();
    else if (next) next(snapshot);
    else this.#idle.push(snapshot);
  }
}
