/**
 * Records by account, collection and key, with their contents, and what a record points at where that must be unique.
 * What stands where is the tree's word, moved in the same transaction. Takedowns of single records live here.
 * Not here: tree nodes (`node-store.ts`), blobs (`blob/`). Source: ours; order and cursor of listRecords as the reference PDS.
 */
import { toHex } from '@dunlin/protocol/base/bytes';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { packedRow } from './packed-records.ts';
import { isVisible, RecordPages, type RecordPage } from './record-pages.ts';

/** A record as listed: key, CID in 36 bytes, contents in DAG-CBOR. */
export interface StoredRecord {
  readonly rkey: string;
  readonly cid: Buffer;
  readonly bytes: Buffer;
}

/** A record with the revision that brought it. */
export interface NewerRecord extends StoredRecord {
  readonly rev: string;
}

/** Most records looked at to see whether any is as old as a revision. */
const maxRowsLookedAt = 1_000;

/** Records that one step of a search by contents looks at: a millisecond or two. */
export const searchedAtOnce = 5_000;

/** Places behind one, up to another, which counts. */
interface Span {
  readonly collection: string;
  readonly rkey: string;
  readonly lastCollection: string;
  readonly lastRkey: string;
}

/** A record that was looked for; length in bytes. */
export interface FoundRecord {
  readonly cid: Buffer;
  readonly collection: string;
  readonly rkey: string;
  readonly length: number;
}

/** Sorts behind every collection, whose names are letters, digits, dots and hyphens. */
const behindAll = { collection: '~', rkey: '' };

/** Records in the database. Every method is synchronous. */
export class RecordStore {
  readonly #find: Statement<[number, string, string], StoredRecord>;
  readonly #cid: Statement<[number, string, string], Buffer>;
  readonly #takedown: Statement<[number, string, string], string | null>;
  readonly #packed: Statement<[number, string, string], Buffer>;
  readonly #pages: RecordPages;
  readonly #newerAmongLast: Statement<[number, string, number, string], NewerRecord>;
  readonly #hasUpTo: Statement<[number, string], number>;
  readonly #nextCollection: Statement<[number, string], string>;
  readonly #bytesAt: Statement<[number, string, string], Buffer>;
  readonly #placesOf: Statement<[{ account: number; wanted: string } & Span], FoundRecord>;
  readonly #spanEnd: Statement<[number, string, string], { collection: string; rkey: string }>;
  readonly #put: Statement<[number, string, string, Uint8Array, string, Uint8Array], unknown>;
  readonly #remove: Statement<[number, string, string], unknown>;
  readonly #removeAll: Statement<[number], unknown>;
  readonly #removeSome: Statement<[{ account: number; rows: number }], unknown>;
  readonly #unlinkSome: Statement<[{ account: number; rows: number }], unknown>;
  readonly #setTakedown: Statement<[string | null, number, string, string], unknown>;
  readonly #count: Statement<[number], { records: number; blocks: number }>;
  readonly #linked: Statement<[number, string, string], string>;
  readonly #link: Statement<[number, string, string, string], unknown>;
  readonly #unlink: Statement<[number, string, string], unknown>;
  readonly #unlinkAll: Statement<[number], unknown>;

  constructor(database: Database) {
    this.#find = database.prepare(`SELECT rkey, cid, bytes FROM record WHERE ${isVisible} AND rkey = ?`);
    this.#packed = database.prepare<[number, string, string], Buffer>(`SELECT CAST(${packedRow} AS BLOB) FROM record WHERE ${isVisible} AND rkey = ?`).pluck();
    this.#cid = database.prepare<[number, string, string], Buffer>('SELECT cid FROM record WHERE account = ? AND collection = ? AND rkey = ?').pluck();
    this.#takedown = database
      .prepare<[number, string, string], string | null>('SELECT takedown_ref FROM record WHERE account = ? AND collection = ? AND rkey = ?')
      .pluck();
    this.#pages = new RecordPages(database);
    this.#newerAmongLast = database.prepare(
      `SELECT rkey, cid, rev, bytes FROM (SELECT rkey, cid, rev, bytes FROM record WHERE ${isVisible}
       ORDER BY rkey DESC LIMIT +?) WHERE rev > ?`,
    );
    this.#hasUpTo = database
      .prepare<[number, string], number>(`SELECT 1 FROM (SELECT rev FROM record WHERE account = ? LIMIT ${maxRowsLookedAt}) WHERE rev <= ? LIMIT 1`)
      .pluck();
    this.#nextCollection = database
      .prepare<[number, string], string>('SELECT collection FROM record WHERE account = +? AND collection > ? ORDER BY collection LIMIT 1')
      .pluck();
    this.#bytesAt = database
      .prepare<[number, string, string], Buffer>('SELECT bytes FROM record WHERE account = ? AND collection = ? AND rkey = ?')
      .pluck();
    this.#placesOf = database.prepare(`SELECT cid, collection, rkey, length(bytes) AS length FROM record WHERE account = :account AND (collection, rkey) > (:collection, :rkey)
      AND (collection, rkey) <= (:lastCollection, :lastRkey) AND hex(cid) IN (SELECT value FROM json_each(:wanted)) GROUP BY cid`);
    this.#spanEnd = database.prepare(`SELECT collection, rkey FROM record WHERE account = ? AND (collection, rkey) > (?, ?)
      ORDER BY collection, rkey LIMIT 1 OFFSET ${searchedAtOnce - 1}`);
    this.#put = database.prepare(
      `INSERT INTO record (account, collection, rkey, cid, rev, bytes) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (account, collection, rkey) DO UPDATE SET cid = excluded.cid, rev = excluded.rev, bytes = excluded.bytes`,
    );
    this.#remove = database.prepare('DELETE FROM record WHERE account = ? AND collection = ? AND rkey = ?');
    this.#removeAll = database.prepare('DELETE FROM record WHERE account = ?');
    this.#removeSome = database.prepare(`DELETE FROM record WHERE account = :account AND (collection, rkey) IN
      (SELECT collection, rkey FROM record WHERE account = :account LIMIT :rows)`);
    this.#unlinkSome = database.prepare(`DELETE FROM backlink WHERE account = :account AND (collection, subject, rkey) IN
      (SELECT collection, subject, rkey FROM backlink WHERE account = :account LIMIT :rows)`);
    this.#setTakedown = database.prepare('UPDATE record SET takedown_ref = ? WHERE account = ? AND collection = ? AND rkey = ?');
    this.#count = database.prepare('SELECT count(*) AS records, count(DISTINCT cid) AS blocks FROM record WHERE account = ?');
    this.#linked = database
      .prepare<[number, string, string], string>('SELECT rkey FROM backlink WHERE account = ? AND collection = ? AND subject = ?')
      .pluck();
    this.#link = database.prepare('INSERT INTO backlink (account, collection, subject, rkey) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING');
    this.#unlink = database.prepare('DELETE FROM backlink WHERE account = ? AND collection = ? AND rkey = ?');
    this.#unlinkAll = database.prepare('DELETE FROM backlink WHERE account = ?');
  }

  /** Gives a record with its contents, or null when there is none or it was taken down. */
  find(accountId: number, collection: string, rkey: string): StoredRecord | null {
    return this.#find.get(accountId, collection, rkey) ?? null;
  }

  /** Gives a record packed (`packed-records.ts`), or null when there is none or it was taken down. */
  findPacked(accountId: number, collection: string, rkey: string): Buffer | null {
    return this.#packed.get(accountId, collection, rkey) ?? null;
  }

  /** Gives the CID of a record in 36 bytes, taken down or not, or null. */
  cidOf(accountId: number, collection: string, rkey: string): Buffer | null {
    return this.#cid.get(accountId, collection, rkey) ?? null;
  }

  /** Gives the reference of a record's takedown; null when it is served, undefined when there is no such record. */
  takedownOf(accountId: number, collection: string, rkey: string): string | null | undefined {
    return this.#takedown.get(accountId, collection, rkey);
  }

  /** Lists records of a collection, packed, highest key first unless reversed; those taken down are left out; null when there are none. */
  list(accountId: number, page: RecordPage): Buffer | null {
    return this.#pages.list(accountId, page);
  }

  /** Gives the first `limit` collections an account has records in, in order, by leaping from one to the next. */
  collections(accountId: number, limit: number): string[] {
    const found: string[] = [];
    for (let next = this.#nextCollection.get(accountId, ''); next !== undefined && found.length < limit; next = this.#nextCollection.get(accountId, next)) found.push(next);
    return found;
  }

  /** Gives the contents of a record, taken down or not, or null. */
  bytesAt(accountId: number, collection: string, rkey: string): Buffer | null {
    return this.#bytesAt.get(accountId, collection, rkey) ?? null;
  }

  /** Looks for records by their CIDs in 36 bytes: through all of the account, `searchedAtOnce` in each step, until all are found. Gives one place of each. */
  *placesOf(account: number, cids: readonly Uint8Array[]): Generator<FoundRecord[], void, undefined> {
    const wanted = new Set(cids.map((cid) => toHex(cid).toUpperCase()));
    for (let [collection, rkey] = ['', '']; wanted.size > 0;) {
      const end = this.#spanEnd.get(account, collection, rkey);
      const { collection: lastCollection, rkey: lastRkey } = end ?? behindAll;
      const found = this.#placesOf.all({ account, wanted: JSON.stringify([...wanted]), collection, rkey, lastCollection, lastRkey });
      for (const { cid } of found) wanted.delete(toHex(cid).toUpperCase());
      yield found;
      if (end === undefined) return;
      [collection, rkey] = [lastCollection, lastRkey];
    }
  }

  /** Puts a record in its place; a takedown of what stood there stays. */
  put(accountId: number, record: { collection: string; rkey: string; cid: Uint8Array; rev: string; bytes: Uint8Array }): void {
    this.#put.run(accountId, record.collection, record.rkey, record.cid, record.rev, record.bytes);
  }

  /** Removes a record. */
  remove(accountId: number, collection: string, rkey: string): void {
    this.#remove.run(accountId, collection, rkey);
  }

  /** Removes everything of an account. */
  removeAll(accountId: number): void {
    this.#removeAll.run(accountId);
    this.#unlinkAll.run(accountId);
  }

  /** Removes some of an account, up to so many rows of each kind; false when there was nothing left. */
  removeSome(account: number, rows: number): boolean {
    return this.#removeSome.run({ account, rows }).changes + this.#unlinkSome.run({ account, rows }).changes > 0;
  }

  /** Takes a record down or lifts it with null; false when there is no such record. */
  setTakedown(accountId: number, record: { collection: string; rkey: string }, ref: string | null): boolean {
    return this.#setTakedown.run(ref, accountId, record.collection, record.rkey).changes > 0;
  }

  /** Gives those of the `limit` records with the highest keys of a collection that a later revision brought. */
  newerAmongLast(accountId: number, { collection, rev, limit }: { collection: string; rev: string; limit: number }): NewerRecord[] {
    return this.#newerAmongLast.all(accountId, collection, limit, rev);
  }

  /** Tells whether some record (of the first thousand) was brought by a revision, or before it. */
  hasUpTo(accountId: number, rev: string): boolean {
    return this.#hasUpTo.get(accountId, rev) !== undefined;
  }

  /** How many records an account has, and in how many blocks: equal records are one. */
  count(accountId: number): { records: number; blocks: number } {
    return this.#count.get(accountId) ?? { records: 0, blocks: 0 };
  }

  /** Gives the keys of records in a collection that point at a subject. */
  linkedTo(accountId: number, collection: string, subject: string): string[] {
    return this.#linked.all(accountId, collection, subject);
  }

  /** Remembers what a record points at, and forgets what it pointed at before; null only forgets. */
  setLink(accountId: number, record: { collection: string; rkey: string }, subject: string | null): void {
    this.#unlink.run(accountId, record.collection, record.rkey);
    if (subject !== null) this.#link.run(accountId, record.collection, subject, record.rkey);
  }
}
