/**
 * Opens SQLite databases, through better-sqlite3 (this is its only door): durable, migrated, with foreign keys.
 * The object given back is better-sqlite3's own: prepare, transaction, exec, pragma, close; all of it synchronous.
 * Integers come as JavaScript numbers; a column that can pass 2^53 is read with `statement.safeIntegers()`.
 * Not for tables: each folder keeps its own schema.ts beside its store. Source: SQLite docs (WAL, user_version).
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';

/** An open database. */
export type Database = BetterSqlite3.Database;

/** A prepared statement: parameters as a tuple, the row it gives. */
export type Statement<P extends unknown[] = unknown[], R = unknown> = BetterSqlite3.Statement<P, R>;

/** How a database is opened. */
export interface DatabaseOptions {
  /** SQL scripts, each applied once in this order and never changed afterwards; user_version counts them. */
  readonly migrations: readonly string[];
  readonly readonly?: boolean;
  /** Further pragmas, applied last, such as { cache_size: -64_000 }. */
  readonly pragmas?: Readonly<Record<string, string | number>>;
}

/** How long a statement waits for a lock of another process, in ms. */
const busyTimeoutMs = 5_000;

/** The write-ahead log file is cut back to this size after a checkpoint, in bytes. */
const journalLimitBytes = 64 * 1024 * 1024;

/**
 * Opens (and makes, with its directories) the database at `path`, or one in memory for ':memory:'.
 * Afterwards: every migration applied, WAL, synchronous FULL (a committed transaction survives a power cut), foreign keys on.
 * @throws Error when the database was written by a newer program, is damaged, or a migration fails (nothing of it is kept)
 */
export function openDatabase(path: string, o: DatabaseOptions): Database {
  if (path !== ':memory:' && !o.readonly) mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const database = new BetterSqlite3(path, { readonly: o.readonly ?? false, timeout: busyTimeoutMs });
  try {
    if (!o.readonly) database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.pragma('foreign_keys = ON');
    database.pragma('trusted_schema = OFF');
    database.pragma('temp_store = MEMORY');
    database.pragma(`journal_size_limit = ${journalLimitBytes}`);
    for (const [name, value] of Object.entries(o.pragmas ?? {})) database.pragma(`${name} = ${value}`);
    migrate(database, path, o);
    return database;
  } catch (error) {
    database.close();
    throw isDamage(error) ? new Error(`the database is damaged: ${path}: ${error.message}; put a backup in its place`, { cause: error }) : error;
  }
}

function isDamage(error: unknown): error is Error {
  return typeof error === 'object' && error !== null && 'code' in error && /^SQLITE_(CORRUPT|NOTADB)/.test(String(error.code));
}

function migrate(database: Database, path: string, o: DatabaseOptions): void {
  const applied = Number(database.pragma('user_version', { simple: true }));
  if (applied > o.migrations.length) throw new Error(`database is newer than this program: path=${path} version=${applied} known=${o.migrations.length}`);
  if (applied < o.migrations.length && o.readonly) throw new Error(`database is older than this program and opened for reading only: path=${path} version=${applied} known=${o.migrations.length}`);
  for (let version = applied; version < o.migrations.length; version++) {
    database.transaction(() => {
      database.exec(o.migrations[version] ?? '');
      database.pragma(`user_version = ${version + 1}`);
    }).exclusive();
  }
}
