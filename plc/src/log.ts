/**
 * The stored log of operations: appended in order, struck out by recoveries, never removed.
 * Not for deciding what may be appended (submit.ts and protocol/identity/plc-log).
 * "Standing" operations are those that are not nullified; the newest one is the state of a DID.
 * Source: ours; entries as did:plc v0.3, "Audit Logs" and "Bulk Export", gives them.
 */
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { assert } from '@dunlin/protocol/base/assert';
import type { PlcLogEntry, PlcPlace } from '@dunlin/protocol/identity/plc-log';
import { parsePlcOperation } from '@dunlin/protocol/identity/plc-operation';

/** An entry with its place in the whole log. */
export interface StoredEntry extends PlcLogEntry {
  readonly seq: number;
}

interface Row {
  seq: number;
  did: string;
  cid: string;
  operation: string;
  nullified: number;
  created_at: number;
}

const columns = 'SELECT seq, did, cid, operation, nullified, created_at FROM operation';

function toEntry(row: Row): StoredEntry {
  const { seq, did, cid, operation, nullified, created_at: createdAtMs } = row;
  return { seq, did, cid, operation: parsePlcOperation(JSON.parse(operation)), nullified: nullified === 1, createdAtMs };
}

/** The log of all DIDs in one table. Every method is one indexed query; none of them waits. */
export class OperationLog {
  readonly #database: Database;
  readonly #newest: Statement<[string], Row>;
  readonly #standingByCid: Statement<[string, string], Row>;
  readonly #standingAfter: Statement<[string, number], Row>;
  readonly #page: Statement<[string, number, number, number], Row>;
  readonly #exportBySeq: Statement<[number, number], Row>;
  readonly #exportByTime: Statement<[number, number], Row>;
  readonly #last: Statement<[], Row>;
  readonly #countSince: Statement<[string, number, number], { count: number }>;
  readonly #insert: Statement<[string, string, string, number]>;
  readonly #nullify: Statement<[string, number]>;

  constructor(database: Database) {
    this.#database = database;
    this.#newest = database.prepare(`${columns} WHERE did = ? AND nullified = 0 ORDER BY seq DESC LIMIT 1`);
    this.#standingByCid = database.prepare(`${columns} WHERE did = ? AND cid = ? AND nullified = 0`);
    this.#standingAfter = database.prepare(`${columns} WHERE did = ? AND nullified = 0 AND seq > ? ORDER BY seq LIMIT 1`);
    this.#page = database.prepare(`${columns} WHERE did = ? AND nullified <= ? AND seq > ? ORDER BY seq LIMIT ?`);
    this.#exportBySeq = database.prepare(`${columns} WHERE seq > ? ORDER BY seq LIMIT ?`);
    this.#exportByTime = database.prepare(`${columns} WHERE created_at > ? ORDER BY created_at LIMIT ?`);
    this.#last = database.prepare(`${columns} ORDER BY seq DESC LIMIT 1`);
    this.#countSince = database.prepare('SELECT count(*) AS count FROM operation WHERE did = ? AND nullified <= ? AND created_at > ?');
    this.#insert = database.prepare('INSERT INTO operation (did, cid, operation, created_at) VALUES (?, ?, ?, ?)');
    this.#nullify = database.prepare('UPDATE operation SET nullified = 1 WHERE did = ? AND seq > ? AND nullified = 0');
  }

  /** Runs work in one transaction: all of it becomes durable, or none. */
  inTransaction<T>(work: () => T): T {
    return this.#database.transaction(work).immediate();
  }

  /** Gives the newest standing entry of a DID, null when it is not registered. */
  newest(did: string): StoredEntry | null {
    return entryOrNull(this.#newest.get(did));
  }

  /** Gives the place at which an operation with this `prev` would stand. */
  place(did: string, prevCid: string | null, createdAtMs: number): PlcPlace & { readonly prev: StoredEntry | null; readonly newest: StoredEntry | null } {
    const newest = this.newest(did);
    const prev = prevCid === null ? null : newest?.cid === prevCid ? newest : entryOrNull(this.#standingByCid.get(did, prevCid));
    const disputed = prev === null || prev.seq === newest?.seq ? null : entryOrNull(this.#standingAfter.get(did, prev.seq));
    return { did, newest, newestAtMs: newest?.createdAtMs ?? null, prev, disputed, createdAtMs };
  }

  /** Appends an entry behind `prev`, striking out whatever stood there, and gives its seq. Belongs into a transaction with its judgement. */
  append(entry: Omit<PlcLogEntry, 'nullified'>, prev: StoredEntry | null): number {
    assert(this.#database.inTransaction, 'append outside of a transaction');
    if (prev !== null) this.#nullify.run(entry.did, prev.seq);
    return Number(this.#insert.run(entry.did, entry.cid, JSON.stringify(entry.operation), entry.createdAtMs).lastInsertRowid);
  }

  /** Gives up to `count` entries of a DID behind a seq, oldest first; nullified ones only when asked for. */
  page(did: string, afterSeq: number, count: number, withNullified: boolean): StoredEntry[] {
    return this.#page.all(did, withNullified ? 1 : 0, afterSeq, count).map(toEntry);
  }

  /** Gives up to `count` entries of all DIDs with a greater seq. */
  exportBySeq(afterSeq: number, count: number): StoredEntry[] {
    return this.#exportBySeq.all(afterSeq, count).map(toEntry);
  }

  /** Gives up to `count` entries of all DIDs accepted later than a time. */
  exportByTime(afterMs: number, count: number): StoredEntry[] {
    return this.#exportByTime.all(afterMs, count).map(toEntry);
  }

  /** Gives the newest entry of the whole log. */
  last(): StoredEntry | null {
    return entryOrNull(this.#last.get());
  }

  /** Counts the operations of a DID accepted later than a time; nullified ones only when asked for. */
  countSince(did: string, afterMs: number, withNullified: boolean): number {
    return this.#countSince.get(did, withNullified ? 1 : 0, afterMs)?.count ?? 0;
  }
}

function entryOrNull(row: Row | undefined): StoredEntry | null {
  return row ? toEntry(row) : null;
}
