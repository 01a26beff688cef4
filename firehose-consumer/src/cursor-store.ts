/**
 * Where a consumer keeps its cursor between runs: the interface, and two of them.
 * Not for: deciding which cursor is safe (see cursor.ts).
 * Place in the flow: loaded once at the start, saved at intervals and at the end.
 * Rules: `save` is never called again before the last call has ended; what it kept must survive a crash of the machine.
 * Source: ours, see firehose-consumer/README.md.
 */
import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FirehoseError } from './errors.ts';

/** Keeps one number. Implement it to keep the cursor in a database of your own. */
export interface CursorStore {
  /** Gives the cursor last saved, null when there is none. */
  load(): Promise<number | null>;
  /** Keeps a cursor; resolves when it is durable. May be lower than the last one after the server began anew. */
  save(cursor: number): Promise<void>;
}

/** Gives a store that forgets everything with the process; for tests and tools. */
export function memoryCursor(cursor: number | null = null): CursorStore {
  let kept = cursor;
  return {
    load: () => Promise.resolve(kept),
    save: (next) => {
      kept = next;
      return Promise.resolve();
    },
  };
}

/**
 * Gives a store that is a small text file. Saving writes a new file beside it, syncs it, renames it over the old one
 * and syncs the directory, so a crash leaves the old cursor or the new one, never half of one.
 * `load` @throws FirehoseError CursorStore when the file cannot be read or holds something else.
 */
export function fileCursor(path: string): CursorStore {
  return { load: () => loadFile(path), save: (cursor) => saveFile(path, cursor) };
}

async function loadFile(path: string): Promise<number | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new FirehoseError('CursorStore', `cursor file cannot be read: ${path}`, { cause: error });
  }
  const line = text.trim();
  if (!/^\d{1,16}$/.test(line) || !Number.isSafeInteger(Number(line))) {
    throw new FirehoseError('CursorStore', `cursor file holds no cursor: ${path}`);
  }
  return Number(line);
}

async function saveFile(path: string, cursor: number): Promise<void> {
  const fresh = `${path}.${process.pid}.new`;
  try {
    const file = await open(fresh, 'w', 0o600);
    try {
      await file.writeFile(`${cursor}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => undefined);
    throw new FirehoseError('CursorStore', `cursor file cannot be written: ${path}`, { cause: error });
  }
  await syncDirectory(dirname(path));
}

/** Some file systems cannot sync a directory; the rename itself was still atomic. */
async function syncDirectory(path: string): Promise<void> {
  try {
    const directory = await open(path, 'r');
    await directory.sync().finally(() => directory.close());
  } catch {
    // See above.
  }
}
