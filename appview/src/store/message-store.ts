/**
 * Messages as rows: the record as JSON, ordered in their room by the earlier of what the author says and when we heard of it,
 * so that nobody sits at the top of a room with a date in the future.
 * Not for who may read them (rooms/access.ts). Messages of accounts not visible are not listed.
 * Source: ours, tables in schema.ts.
 */
import type { Database, Statement } from '@dunlin/service/sqlite/database';

/** One message of a visible person. `record` is JSON text. */
export interface MessageRow {
  readonly id: number;
  readonly did: string;
  readonly handle: string | null;
  readonly rkey: string;
  readonly room: string;
  readonly cid: string;
  readonly record: string;
  readonly sortAt: number;
  readonly indexedAt: number;
}

/** Why a message is indexed but not shown: its room is not known (yet), is read-only, or its author may not write there. */
export type HiddenReason = 'roomUnknown' | 'readOnly' | 'notMember';

/** What is written for one record. */
export interface NewMessage {
  readonly accountId: number;
  readonly rkey: string;
  readonly room: string;
  readonly cid: string;
  readonly record: string;
  readonly sortAt: number;
  readonly expiresAt: number | null;
  readonly hidden: HiddenReason | null;
  readonly indexedAt: number;
}

/** What was stored of a message before. */
export interface StoredMessage {
  readonly room: string;
  readonly hidden: HiddenReason | null;
}

/** Where a page of messages begins: strictly before this one. */
export interface MessagePoint {
  readonly sortAt: number;
  readonly id: number;
}

/** Which messages of a room to list. */
export interface MessageFilter {
  readonly room: string;
  readonly before: MessagePoint | null;
  /** Messages older than this are not served (a room's time to live). */
  readonly notBeforeMs: number;
  readonly nowMs: number;
  readonly limit: number;
}

/** Most rooms that are told to be touched by one account: more than anybody writes in. */
const maxRoomsTold = 10_000;

/** Reads and writes messages. */
export class MessageStore {
  readonly #upsert: Statement<[Record<string, string | number | null>]>;
  readonly #before: Statement<[number, string], StoredMessage>;
  readonly #remove: Statement<[number, string], StoredMessage>;
  readonly #removeAll: Statement<[number]>;
  readonly #early: Statement<[string], { id: number; did: string }>;
  readonly #setHidden: Statement<[HiddenReason | null, number]>;
  readonly #roomsOf: Statement<[number], { room: string }>;
  readonly #list: Statement<[Record<string, string | number>], MessageRow>;

  constructor(database: Database) {
    this.#upsert = database.prepare(
      `INSERT INTO message (account_id, rkey, room, cid, record, sort_at, expires_at, hidden, indexed_at)
       VALUES ($accountId, $rkey, $room, $cid, $record, $sortAt, $expiresAt, $hidden, $indexedAt)
       ON CONFLICT (account_id, rkey) DO UPDATE SET room = $room, cid = $cid, record = $record, expires_at = $expiresAt, hidden = $hidden`,
    );
    this.#before = database.prepare('SELECT room, hidden FROM message WHERE account_id = ? AND rkey = ?');
    this.#remove = database.prepare('DELETE FROM message WHERE account_id = ? AND rkey = ? RETURNING room, hidden');
    this.#removeAll = database.prepare('DELETE FROM message WHERE account_id = ?');
    this.#early = database.prepare("SELECT m.id, a.did FROM message m JOIN account a ON a.id = m.account_id WHERE m.room = ? AND m.hidden = 'roomUnknown'");
    this.#setHidden = database.prepare('UPDATE message SET hidden = ? WHERE id = ?');
    this.#roomsOf = database.prepare(`SELECT DISTINCT room FROM message WHERE account_id = ? LIMIT ${maxRoomsTold}`);
    this.#list = database.prepare(
      `SELECT m.id, a.did, a.handle, m.rkey, m.room, m.cid, m.record, m.sort_at AS sortAt, m.indexed_at AS indexedAt
       FROM message m JOIN account a ON a.id = m.account_id
       WHERE m.room = $room AND m.hidden IS NULL AND a.is_visible = 1 AND (m.sort_at, m.id) < ($sortAt, $id) AND m.sort_at >= $notBeforeMs
         AND (m.expires_at IS NULL OR m.expires_at > $nowMs)
       ORDER BY m.sort_at DESC, m.id DESC LIMIT $limit`,
    );
  }

  /** Gives what is stored of a message, or null when it is new. */
  find(accountId: number, rkey: string): StoredMessage | null {
    return this.#before.get(accountId, rkey) ?? null;
  }

  /** Writes the message. Its place in the room stays that of the first time. */
  put(message: NewMessage): void {
    this.#upsert.run({ ...message });
  }

  /** Takes the message away; gives what was stored, or null when there was none. */
  remove(accountId: number, rkey: string): StoredMessage | null {
    return this.#remove.get(accountId, rkey) ?? null;
  }

  /** Judges again the messages that came before their room did. */
  settleEarly(room: string, judge: (did: string) => HiddenReason | null): void {
    for (const { id, did } of this.#early.all(room)) this.#setHidden.run(judge(did), id);
  }

  /** Takes away every message of an account. */
  removeAll(accountId: number): void {
    this.#removeAll.run(accountId);
  }

  /** Gives the rooms an account has written in, 10,000 at most. */
  roomsOf(accountId: number): string[] {
    return this.#roomsOf.all(accountId).map(({ room }) => room);
  }

  /** Lists messages of visible people, newest first. */
  list(filter: MessageFilter): MessageRow[] {
    const { sortAt, id } = filter.before ?? { sortAt: Number.MAX_SAFE_INTEGER, id: 0 };
    return this.#list.all({ room: filter.room, sortAt, id, notBeforeMs: filter.notBeforeMs, nowMs: filter.nowMs, limit: filter.limit });
  }
}
