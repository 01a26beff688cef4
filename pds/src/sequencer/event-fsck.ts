/**
 * Looks whether files of events hold what their rows say, and forgets those that do not, while no server runs.
 * A server stops at damage, since nobody could tell consumers which events are missing; repositories are whole all the same. What is
 * forgotten is every event up to the end of the newest damaged file, so that what is left has no hole: who comes from before it is
 * told that the position is outdated. Not for telling where repositories stand then: the mark of a restore does that
 * (`backup/after-restore.ts`). Source: ours; decision 0027.
 */
import { open, type FileHandle } from 'node:fs/promises';
import type { Database } from '@dunlin/service/sqlite/database';
import { eventFilePath, eventFolder } from './event-files.ts';
import { holdsEvents, RunStore, type EventFile } from './run-store.ts';

/** A file that is not what its rows say. */
export interface EventFinding {
  /** How many of its runs are damaged, or missing from it. */
  readonly runs: number;
  readonly path: string;
  readonly file: EventFile;
}

/** Reads every file of a data directory and gives those that are damaged or missing, oldest first. */
export async function* checkEvents(database: Database, dataDirectory: string): AsyncGenerator<EventFinding, void, undefined> {
  const store = new RunStore(database);
  for (const file of store.files()) {
    const path = eventFilePath(eventFolder(dataDirectory), file.file);
    const runs = await damagedRuns(path, store, file);
    if (runs > 0) yield { runs, path, file };
  }
}

/** Forgets every event of files up to a finding's; the files go at the next start. Gives how many events those were. */
export function forgetUpTo(database: Database, { file }: EventFinding): number {
  const store = new RunStore(database);
  return database.transaction(() => {
    let events = 0;
    for (const each of store.files()) {
      if (each.file > file.file) break;
      events += store.heldIn(each);
      store.removeFile(each);
    }
    return events;
  })();
}

/** Null when the file is gone; one that may not be opened is no damage. */
function openIfThere(path: string): Promise<FileHandle | null> {
  return open(path, 'r').catch((fault: unknown) => {
    if ((fault as { code?: unknown } | null)?.code === 'ENOENT') return null;
    throw fault;
  });
}

async function damagedRuns(path: string, store: RunStore, file: EventFile): Promise<number> {
  let handle: FileHandle | null = null;
  try {
    handle = await openIfThere(path);
    let damaged = 0;
    for (const run of store.runsOf(file)) {
      const bytes = Buffer.allocUnsafeSlow(run.bytes);
      const read = (await handle?.read(bytes, 0, run.bytes, run.start).catch(() => null)) ?? null;
      if (read?.bytesRead !== run.bytes || !holdsEvents(bytes, run)) damaged += 1;
    }
    return damaged;
  } finally {
    await handle?.close();
  }
}
