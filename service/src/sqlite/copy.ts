/**
 * Copies a database that others may be writing to, as one moment had it, and checks the copy.
 * Readers and writers of the original are not held up: the copy is made from a snapshot.
 * Not for opening databases (`database.ts`). Source: SQLite docs (online backup API, quick_check).
 */
import { existsSync, rmSync } from 'node:fs';
import BetterSqlite3 from 'better-sqlite3';

/** Pages copied in one go: all of them, since a copy in parts begins anew whenever another process writes. */
const allPages = 0x7fff_ffff;

/** Copies the database at `from` to a new file and resolves when it is whole and checked. @throws Error when the copy is damaged, or `from` cannot be read */
export async function copyDatabase(from: string, to: string): Promise<void> {
  removeDatabase(to);
  const source = new BetterSqlite3(from, { readonly: true, fileMustExist: true });
  try {
    await source.backup(to, { progress: () => allPages });
  } finally {
    source.close();
  }
  // One file that can be moved alone, without a write-ahead log beside it.
  const copy = new BetterSqlite3(to);
  copy.pragma('journal_mode = DELETE');
  copy.close();
  checkDatabase(to);
}

/** Files that SQLite keeps beside a database; what another database left there would be taken for its own. */
const sideFiles = ['-wal', '-shm', '-journal'];

/** Gives the files beside a database that are there: of one that is open, or was not closed. */
export function sideFilesOf(path: string): string[] {
  return sideFiles.map((ending) => path + ending).filter((file) => existsSync(file));
}

/** Removes a database that nobody has open, with what is beside it. */
export function removeDatabase(path: string): void {
  for (const file of [path, ...sideFilesOf(path)]) rmSync(file, { force: true });
}

/** Checks that every page of a database can be read. @throws Error that names the first fault */
export function checkDatabase(path: string): void {
  const database = new BetterSqlite3(path, { readonly: true, fileMustExist: true });
  try {
    const verdict = String(database.pragma('quick_check(1)', { simple: true }));
    if (verdict !== 'ok') throw new Error(`database is damaged: path=${path} ${verdict}`);
  } finally {
    database.close();
  }
}
