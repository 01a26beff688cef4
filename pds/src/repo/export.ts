/**
 * Exports whole repositories, or what a revision has not seen yet, as a CAR stream with flat memory.
 * Each export reads a snapshot through a connection of its own, so writes go on meanwhile and no block vanishes under it.
 * How many run at once is bounded, and so is how many wait; a reader that leaves or stalls gives its place back.
 * With `since`, subtrees that are older are not gone into: a node that was there holds nothing that was not.
 * Source: lexicon com.atproto.sync.getRepo; order of blocks as protocol/repo/export.
 */
import { Readable } from 'node:stream';
import { assert } from '@dunlin/protocol/base/assert';
import { writeCarStream } from '@dunlin/protocol/car/write';
import { cidFromBytes, cidToBytes, type Cid } from '@dunlin/protocol/data/cid';
import { exportRepo } from '@dunlin/protocol/repo/export';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { StoredBlock } from './block-store.ts';

/** Most exports at once. */
export const maxExportsAtOnce = 4;

/** Most exports that wait for a place. */
export const maxExportsWaiting = 64;

interface Snapshot {
  readonly database: Database;
  readonly head: Statement<[number], { head: Buffer; data: Buffer }>;
  readonly block: Statement<[number, Uint8Array], StoredBlock>;
  readonly begin: Statement<[]>;
  readonly end: Statement<[]>;
}

/** Exports repositories. */
export class RepoExporter {
  readonly #open: () => Database;
  readonly #idle: Snapshot[] = [];
  readonly #waiting: ((snapshot: Snapshot) => void)[] = [];
  readonly #streams = new Set<Readable>();
  #opened = 0;
  #isClosed = false;

  /** `open` opens the database once more, for reading only. */
  constructor(open: () => Database) {
    this.#open = open;
  }

  /**
   * Gives the CAR of a repository, with everything newer than `since` when that is given; null when the account has none.
   * @throws XrpcError 503 NotEnoughResources when too many exports wait
   */
  async export(accountId: number, since: string | null): Promise<Readable | null> {
    const snapshot = await this.#take();
    const giveBack = (): void => {
      snapshot.end.run();
      this.#giveBack(snapshot);
    };
    snapshot.begin.run();
    const row = snapshot.head.get(accountId);
    if (row === undefined) {
      giveBack();
      return null;
    }
    const head = { cid: cidFromBytes(row.head), data: cidFromBytes(row.data) };
    const stream = Readable.from(writeCarStream(head.cid, blocksOf(snapshot, accountId, head, since)), { objectMode: false, highWaterMark: 1 });
    this.#streams.add(stream);
    stream.once('close', () => {
      this.#streams.delete(stream);
      giveBack();
    });
    return stream;
  }

  /** Ends every export and closes the connections. */
  close(): void {
    this.#isClosed = true;
    for (const stream of this.#streams) stream.destroy();
    for (const { database } of this.#idle.splice(0)) database.close();
  }

  async #take(): Promise<Snapshot> {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#opened < maxExportsAtOnce) {
      this.#opened++;
      return prepare(this.#open());
    }
    if (this.#waiting.length >= maxExportsWaiting) throw new XrpcError(503, 'NotEnoughResources', 'too many exports at once, try again later');
    return new Promise((resolve) => void this.#waiting.push(resolve));
  }

  #giveBack(snapshot: Snapshot): void {
    const next = this.#waiting.shift();
    if (this.#isClosed) snapshot.database.close();
    else if (next) next(snapshot);
    else this.#idle.push(snapshot);
  }
}

function prepare(database: Database): Snapshot {
  return {
    database,
    head: database.prepare('SELECT head, data FROM repo WHERE account = ?'),
    block: database.prepare('SELECT bytes, rev FROM block WHERE account = ? AND cid = ?'),
    begin: database.prepare('BEGIN'),
    end: database.prepare('COMMIT'),
  };
}

function blocksOf(snapshot: Snapshot, accountId: number, head: { cid: Cid; data: Cid }, since: string | null): Iterable<readonly [Cid, Uint8Array]> {
  const read = (cid: Cid): StoredBlock => {
    const block = snapshot.block.get(accountId, cidToBytes(cid));
    assert(block !== undefined, `block is missing: account=${accountId} cid=${cid.toString()}`);
    return block;
  };
  const source = { get: (cid: Cid) => read(cid).bytes };
  if (since === null) return exportRepo(source, head);
  return exportRepo(source, head, { skip: (cid) => read(cid).rev <= since });
}
