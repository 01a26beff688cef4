/**
 * Rooms as rows: the record as JSON, with what lists and access need beside it.
 * Not for who may enter (rooms/access.ts) nor for who is inside (rooms/room-hub.ts). Rooms of accounts not visible are not found.
 * Source: ours, tables in schema.ts.
 */
import type { Database, Statement } from '@dunlin/service/sqlite/database';

/** One room. `record` is JSON text. */
export interface RoomRow {
  readonly id: number;
  readonly uri: string;
  readonly cid: string;
  readonly ownerDid: string;
  readonly ownerHandle: string | null;
  readonly record: string;
  readonly indexedAt: number;
}

/** What is written for one record. */
export interface NewRoom {
  readonly accountId: number;
  readonly rkey: string;
  readonly uri: string;
  readonly cid: string;
  readonly record: string;
  readonly subject: string | null;
  readonly isOpen: boolean;
  readonly expiresAt: number | null;
  readonly indexedAt: number;
}

/** What a list of rooms is narrowed to. Null: not narrowed. */
export interface RoomFilter {
  readonly ownerDid: string | null;
  readonly subject: string | null;
  readonly beforeId: number | null;
  readonly nowMs: number;
  readonly limit: number;
}

const columns = `r.id, r.uri, r.cid, a.did AS ownerDid, a.handle AS ownerHandle, r.record, r.indexed_at AS indexedAt
  FROM room r JOIN account a ON a.id = r.account_id`;

/** Reads and writes rooms. */
export class RoomStore {
  readonly #upsert: Statement<[Record<string, string | number | null>]>;
  readonly #remove: Statement<[number, string], { uri: string }>;
  readonly #removeAll: Statement<[number], { uri: string }>;
  readonly #find: Statement<[string], RoomRow>;
  readonly #list: Statement<[Record<string, string | number | null>], RoomRow>;

  constructor(database: Database) {
    this.#upsert = database.prepare(
      `INSERT INTO room (account_id, rkey, uri, cid, record, subject, is_open, expires_at, indexed_at)
       VALUES ($accountId, $rkey, $uri, $cid, $record, $subject, $isOpen, $expiresAt, $indexedAt)
       ON CONFLICT (account_id, rkey) DO UPDATE SET cid = $cid, record = $record, subject = $subject, is_open = $isOpen, expires_at = $expiresAt`,
    );
    this.#remove = database.prepare('DELETE FROM room WHERE account_id = ? AND rkey = ? RETURNING uri');
    this.#removeAll = database.prepare('DELETE FROM room WHERE account_id = ? RETURNING uri');
    this.#find = database.prepare(`SELECT ${columns} WHERE r.uri = ? AND a.is_visible = 1`);
    this.#list = database.prepare(
      `SELECT ${columns} WHERE a.is_visible = 1 AND r.is_open = 1 AND (r.expires_at IS NULL OR r.expires_at > $nowMs)
         AND ($ownerDid IS NULL OR a.did = $ownerDid) AND ($subject IS NULL OR r.subject = $subject) AND ($beforeId IS NULL OR r.id < $beforeId)
       ORDER BY r.id DESC LIMIT $limit`,
    );
  }

  put(room: NewRoom): void {
    this.#upsert.run({ ...room, isOpen: room.isOpen ? 1 : 0 });
  }

  /** Takes the room away; gives its URI, or null when there was none. */
  remove(accountId: number, rkey: string): string | null {
    return this.#remove.get(accountId, rkey)?.uri ?? null;
  }

  /** Takes away every room of an account; gives their URIs. */
  removeAll(accountId: number): string[] {
    return this.#removeAll.all(accountId).map(({ uri }) => uri);
  }

  /** Gives the room, or null when there is none or its owner is not visible. */
  find(uri: string): RoomRow | null {
    return this.#find.get(uri) ?? null;
  }

  /** Lists rooms open to everybody that have not ended, newest first. */
  list(filter: RoomFilter): RoomRow[] {
    return this.#list.all({ ...filter });
  }
}
