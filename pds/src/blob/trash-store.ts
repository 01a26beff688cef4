/**
 * The rows of the trash: blobs that are no longer anybody's, and whose bytes are kept until a moment that stands in the row.
 * A blob is either here or in `blob-store.ts`, never in both. What no record ever named gets no time here: it is due at once.
 * Not here: when rows go, and the bytes with them (`trash.ts`). Source: ours, decision 0022.
 */
import { cidFromBytes, cidToBytes, type Cid } from '@dunlin/protocol/data/cid';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import type { BlobOwner } from './blob-store.ts';

/** A blob in the trash; times are ms since 1970. */
export interface TrashedBlob {
  readonly did: string;
  readonly cid: Cid;
  readonly mimeType: string;
  readonly size: number;
  readonly takedownRef: string | null;
  readonly trashedAtMs: number;
  /** From when on its bytes may be removed. */
  readonly removeAtMs: number;
}

/** When a blob went to the trash, and how long it stays. */
export interface TrashTimes {
  readonly nowMs: number;
  readonly trashMs: number;
}

/** What of one account is in the trash. */
export interface TrashSum {
  readonly did: string;
  readonly count: number;
  readonly bytes: number;
  /** When the first of them goes. */
  readonly firstRemoveAtMs: number;
}

interface TrashRow {
  did: string;
  cid: Buffer;
  mime_type: string;
  size: number;
  takedown_ref: string | null;
  trashed_at: number;
  remove_at: number;
}

const columns = 'did, cid, mime_type, size, takedown_ref, trashed_at, remove_at';
/** Nothing conflicts but a row whose account was deleted and came back; the later word holds. */
const move = `INSERT OR REPLACE INTO blob_trash (${columns})
  SELECT ?, cid, mime_type, size, takedown_ref, ?, iif(was_named, ?, 0) FROM blob WHERE account = ?`;

/** The trash in the database. Every method is synchronous. */
export class TrashStore {
  readonly #moveOne: Statement<[string, number, number, number, Uint8Array], unknown>;
  readonly #moveAll: Statement<[string, number, number, number], unknown>;
  readonly #forget: Statement<[number, Uint8Array], unknown>;
  readonly #forgetAll: Statement<[number], unknown>;
  readonly #add: Statement<[string, Uint8Array, string, number, number, number], unknown>;
  readonly #find: Statement<[string, Uint8Array], TrashRow>;
  readonly #list: Statement<[string, Uint8Array, number], TrashRow>;
  readonly #listAll: Statement<[string, Uint8Array, number], TrashRow>;
  readonly #sums: Statement<[string, number], TrashSum>;
  readonly #due: Statement<[number, number, number], TrashRow>;
  readonly #remove: Statement<[string, Uint8Array], unknown>;
  readonly #restore: Statement<[number, number | null, string, Uint8Array], unknown>;

  constructor(database: Database) {
    this.#moveOne = database.prepare(`${move} AND cid = ?`);
    this.#moveAll = database.prepare(move);
    this.#forget = database.prepare('DELETE FROM blob WHERE account = ? AND cid = ?');
    this.#forgetAll = database.prepare('DELETE FROM blob WHERE account = ?');
    this.#add = database.prepare(`INSERT OR IGNORE INTO blob_trash (${columns}) VALUES (?, ?, ?, ?, NULL, ?, ?)`);
    this.#find = database.prepare(`SELECT ${columns} FROM blob_trash WHERE did = ? AND cid = ?`);
    this.#list = database.prepare(`SELECT ${columns} FROM blob_trash WHERE did = ? AND cid > ? ORDER BY cid LIMIT ?`);
    this.#listAll = database.prepare(`SELECT ${columns} FROM blob_trash WHERE (did, cid) > (?, ?) ORDER BY did, cid LIMIT ?`);
    this.#sums = database.prepare(`SELECT did, count(*) AS count, sum(size) AS bytes, max(min(remove_at), min(trashed_at)) AS firstRemoveAtMs FROM blob_trash
      WHERE did > ? GROUP BY did ORDER BY did LIMIT ?`);
    this.#due = database.prepare(`SELECT ${columns} FROM blob_trash WHERE remove_at <= ? ORDER BY remove_at, did, cid LIMIT ? OFFSET ?`);
    this.#remove = database.prepare('DELETE FROM blob_trash WHERE did = ? AND cid = ?');
    this.#restore = database.prepare(
      `INSERT OR IGNORE INTO blob (account, cid, mime_type, size, unused_since, takedown_ref, was_named)
       SELECT ?, cid, mime_type, size, ?, takedown_ref, 1 FROM blob_trash WHERE did = ? AND cid = ?`,
    );
  }

  /** Moves an upload here. */
  move({ id, did }: BlobOwner, cid: Cid, { nowMs, trashMs }: TrashTimes): void {
    const bytes = cidToBytes(cid);
    this.#moveOne.run(did, nowMs, nowMs + trashMs, id, bytes);
    this.#forget.run(id, bytes);
  }

  /** Moves all uploads of an account here. */
  moveAll({ id, did }: BlobOwner, { nowMs, trashMs }: TrashTimes): void {
    this.#moveAll.run(did, nowMs, nowMs + trashMs, id);
    this.#forgetAll.run(id);
  }

  /** Adds a file that nobody knows; nothing happens when it is here already. */
  add({ did, cid, mimeType, size }: Pick<TrashedBlob, 'did' | 'cid' | 'mimeType' | 'size'>, { nowMs, trashMs }: TrashTimes): void {
    this.#add.run(did, cidToBytes(cid), mimeType, size, nowMs, nowMs + trashMs);
  }

  /** Gives a blob that is here, or null. */
  find(did: string, cid: Cid): TrashedBlob | null {
    const row = this.#find.get(did, cidToBytes(cid));
    return row === undefined ? null : blobOf(row);
  }

  /** Lists blobs in order of DID and CID bytes, after a place; of one account, or of all. */
  list({ did, after, limit }: { did: string | null; after: { did: string; cid: Cid } | null; limit: number }): TrashedBlob[] {
    const cid = after === null ? Buffer.alloc(0) : cidToBytes(after.cid);
    const rows = did === null ? this.#listAll.all(after?.did ?? '', cid, limit) : this.#list.all(did, cid, limit);
    return rows.map(blobOf);
  }

  /** Sums up accounts that have something here, in order of DIDs, after one (exclusive; '' for the first). */
  sums({ after, limit }: { after: string; limit: number }): TrashSum[] {
    return this.#sums.all(after, limit);
  }

  /** Gives blobs whose time is over, the longest due first, some skipped. */
  due({ nowMs, limit, skip }: { nowMs: number; limit: number; skip: number }): TrashedBlob[] {
    return this.#due.all(nowMs, limit, skip).map(blobOf);
  }

  /** Forgets a blob. */
  remove(did: string, cid: Cid): void {
    this.#remove.run(did, cidToBytes(cid));
  }

  /** Gives a blob back to its account; `unusedSinceMs` is null when a record names it. */
  restore({ id, did }: BlobOwner, cid: Cid, unusedSinceMs: number | null): void {
    const bytes = cidToBytes(cid);
    this.#restore.run(id, unusedSinceMs, did, bytes);
    this.#remove.run(did, bytes);
  }
}

function blobOf(row: TrashRow): TrashedBlob {
  return {
    did: row.did, cid: cidFromBytes(row.cid), mimeType: row.mime_type, size: row.size,
    takedownRef: row.takedown_ref, trashedAtMs: row.trashed_at, removeAtMs: row.remove_at,
  };
}
