/**
 * The ledger in an SQLite file, by Node's own `node:sqlite`: nothing to install, nothing native of ours. An entry of its own,
 * so that who does not need it does not load it.
 * Not for: more than one consumer at a time (the file is locked), or the cursor of the stream.
 * Place in the flow: handed to `continuity.ledger`.
 * Disk: some 120 bytes an account and 75 to 90 a record (36 of CID, the path, and the tree around them).
 * Source: ours, decision 0038; SQLite docs (WAL, WITHOUT ROWID).
 */
import { DatabaseSync } from 'node:sqlite';
import type { StatementSync } from 'node:sqlite';
import { cidFromBytes } from '@dunlin/protocol/data/cid';
import type { Cid } from '@dunlin/protocol/data/cid';
import { FirehoseError } from './errors.ts';
import type { Ledger, LedgerAccount, LedgerChange, LedgerRecord } from './ledger.ts';

const version = 1;
const schema = `
  CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    did TEXT NOT NULL UNIQUE,
    rev TEXT,                            -- of the last commit handled, with its tree
    data BLOB,
    stale INTEGER NOT NULL DEFAULT 0,
    needed TEXT,                         -- the least rev a fetched repository must have
    active INTEGER NOT NULL DEFAULT 1,
    whole INTEGER NOT NULL DEFAULT 0     -- was fetched
  ) STRICT;
  CREATE INDEX account_stale ON account (did) WHERE stale = 1 AND active = 1;
  CREATE TABLE record (
    account INTEGER NOT NULL,
    path TEXT NOT NULL,
    cid BLOB,                            -- null: a crash left open which
    PRIMARY KEY (account, path)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE mark (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  PRAGMA user_version = ${version};
`;

/** A ledger on disk. */
export interface SqliteLedger extends Ledger {
  /** Closes the file; call it after the consumer has ended. */
  close(): void;
}

/**
 * Opens the ledger at `path`, or makes it; its folder must be there. A change that was written survives a power cut.
 * @throws FirehoseError Ledger when the file cannot be opened, is in use, or was written by a newer version
 */
export function sqliteLedger(path: string): SqliteLedger {
  try {
    return new OpenLedger(open(path));
  } catch (error) {
    if (error instanceof FirehoseError) throw error;
    throw new FirehoseError('Ledger', `ledger cannot be opened: ${path}`, { cause: error });
  }
}

function open(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF; PRAGMA journal_size_limit = 67108864; BEGIN IMMEDIATE');
    const found = Number((database.prepare('PRAGMA user_version').get() as { user_version: number }).user_version);
    if (found > version) throw new FirehoseError('Ledger', `ledger is of a newer version: ${path} version=${found} known=${version}`);
    if (found === 0) database.exec(schema);
    database.exec('COMMIT');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

interface AccountRow {
  id: number;
  rev: string | null;
  data: Uint8Array | null;
  stale: number;
  needed: string | null;
  active: number;
  whole: number;
}

class OpenLedger implements SqliteLedger {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  account(did: string): LedgerAccount | null {
    const row = this.#prepare('SELECT id, rev, data, stale, needed, active, whole FROM account WHERE did = ?').get(did) as AccountRow | undefined;
    if (!row) return null;
    const head = row.rev === null || row.data === null ? null : { rev: row.rev, data: cidFromBytes(row.data) };
    return { did, head, isStale: row.stale === 1, neededRev: row.needed, isActive: row.active === 1, isWhole: row.whole === 1 };
  }

  records(did: string, after: string, limit: number): LedgerRecord[] {
    const rows = this.#prepare('SELECT path, cid FROM record WHERE account = (SELECT id FROM account WHERE did = ?) AND path > ? ORDER BY path LIMIT ?').all(did, after, limit);
    return (rows as { path: string; cid: Uint8Array | null }[]).map(({ path, cid }) => ({ path, cid: cid === null ? null : cidFromBytes(cid) }));
  }

  stale(after: string, limit: number): string[] {
    const rows = this.#prepare('SELECT did FROM account WHERE stale = 1 AND active = 1 AND did > ? ORDER BY did LIMIT ?').all(after, limit);
    return (rows as { did: string }[]).map(({ did }) => did);
  }

  mark(name: string): string | null {
    const row = this.#prepare('SELECT value FROM mark WHERE name = ?').get(name) as { value: string } | undefined;
    return row?.value ?? null;
  }

  staleAll(): void {
    this.#database.exec('UPDATE account SET stale = 1');
  }

  write(changes: readonly LedgerChange[]): void {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      for (const change of changes) this.#apply(change);
      this.#database.exec('COMMIT');
    } catch (error) {
      // A full disk has rolled it back already, and is the error to tell.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  close(): void {
    this.#database.close();
  }

  #apply(change: LedgerChange): void {
    if (change.kind === 'mark') {
      this.#prepare('INSERT INTO mark (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value').run(change.name, change.value);
      return;
    }
    const id = this.#idOf(change.did);
    switch (change.kind) {
      case 'telling':
        for (const path of change.paths) this.#setRecord(id, path, null);
        this.#need(id, change.rev);
        return;
      case 'doubt':
        this.#prepare('UPDATE record SET cid = NULL WHERE account = ?').run(id);
        this.#prepare('UPDATE account SET rev = NULL, data = NULL, whole = 0 WHERE id = ?').run(id);
        return;
      case 'told':
        for (const { path, cid } of change.records) {
          if (cid === null) this.#prepare('DELETE FROM record WHERE account = ? AND path = ?').run(id, path);
          else this.#setRecord(id, path, cid);
        }
        if (change.head) this.#prepare('UPDATE account SET rev = ?, data = ? WHERE id = ?').run(change.head.rev, change.head.data.bytes, id);
        return;
      case 'stale':
        this.#prepare('UPDATE account SET stale = 1 WHERE id = ?').run(id);
        this.#need(id, change.rev);
        return;
      case 'synced':
        this.#prepare('UPDATE account SET rev = ?1, data = ?2, stale = 0, whole = 1, needed = CASE WHEN needed > ?1 THEN needed END WHERE id = ?3').run(change.head.rev, change.head.data.bytes, id);
        return;
      case 'status':
        this.#prepare('UPDATE account SET active = ? WHERE id = ?').run(change.isActive ? 1 : 0, id);
        return;
      case 'forget':
        this.#prepare('DELETE FROM record WHERE account = ?').run(id);
        this.#prepare('DELETE FROM account WHERE id = ?').run(id);
    }
  }

  #setRecord(id: number, path: string, cid: Cid | null): void {
    this.#prepare('INSERT INTO record (account, path, cid) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET cid = excluded.cid').run(id, path, cid === null ? null : cid.bytes);
  }

  #need(id: number, rev: string | null): void {
    if (rev !== null) this.#prepare('UPDATE account SET needed = ?1 WHERE id = ?2 AND (needed IS NULL OR needed < ?1)').run(rev, id);
  }

  #idOf(did: string): number {
    const find = this.#prepare('SELECT id FROM account WHERE did = ?');
    const row = find.get(did) as { id: number } | undefined;
    if (row) return row.id;
    return Number(this.#prepare('INSERT INTO account (did) VALUES (?)').run(did).lastInsertRowid);
  }

  #prepare(sql: string): StatementSync {
    const there = this.#statements.get(sql);
    if (there) return there;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }
}
