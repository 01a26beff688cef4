/**
 * Keeps a data folder to one process: a second server on the same folder would write into the first one's log and cursors.
 * The lock is an SQLite lock on a file of its own, so the kernel lets go of it however the process ends, kill -9 too.
 * Not for: locks inside a process, or folders on network file systems that know no locks.
 * Place in the flow: taken before anything of the folder is opened, let go after everything is closed. Source: SQLite docs (locking).
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';

/** A folder that is ours until it is released. */
export interface FolderLock {
  /** Lets go of the folder; may be called more than once. */
  release(): void;
}

/** Name of the file that carries the lock; it holds nothing. */
export const lockFileName = 'in-use.lock';

/** A database nobody refers to is closed by the garbage collector, and its lock with it. */
const heldLocks = new Set<BetterSqlite3.Database>();

/** Takes the folder, making it when it is absent. @throws Error when another process has it, or it cannot be written */
export function lockFolder(folder: string): FolderLock {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  let database: BetterSqlite3.Database | null = null;
  try {
    database = new BetterSqlite3(join(folder, lockFileName), { timeout: 0 });
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    throw new Error(refusal(folder, error), { cause: error });
  }
  const held = database;
  heldLocks.add(held);
  const release = (): void => {
    heldLocks.delete(held);
    held.close();
  };
  return { release };
}

function refusal(folder: string, error: unknown): string {
  // The driver's errors may be of another realm, where instanceof says nothing.
  const isHeld = (error as { code?: unknown } | null)?.code === 'SQLITE_BUSY';
  return isHeld ? `another process is using the data folder: ${folder}` : `the data folder cannot be written: ${folder} (${String(error)})`;
}
