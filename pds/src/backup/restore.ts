/**
 * Puts a backup in the place of a data directory that is empty. What happened after the backup is lost here but not at the relays:
 * so the sequence jumps far ahead, for a relay ignores seqs it has passed, and a mark makes the server tell anew, when it starts,
 * where every repository stands (`after-restore.ts`). Nothing is overwritten. Source: ours.
 */
import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '@dunlin/protocol/base/clock';
import { checkDatabase } from '@dunlin/service/sqlite/copy';
import type { Database } from '@dunlin/service/sqlite/database';
import { Sequencer } from '../sequencer/sequencer.ts';
import { restoredMark } from './after-restore.ts';
import { backupFiles, readManifest, type BackupManifest } from './manifest.ts';

/** How far the sequence jumps: more events than a PDS tells in the time between two backups. */
export const restoreSeqJump = 10_000_000;

/** What is restored, and where to. */
export interface RestoreOptions {
  readonly from: string;
  readonly dataDirectory: string;
  readonly blobFolder: string;
  /** Opens a database of a PDS for writing, brought up to date. */
  readonly open: (path: string) => Database;
  readonly nowMs: number;
}

/** Restores a backup and gives its manifest. @throws Error when the folder holds no whole backup, or the data directory is in use */
export async function restore(o: RestoreOptions): Promise<BackupManifest> {
  const manifest = readManifest(o.from);
  const parts = backupFiles(o.from);
  const database = join(o.dataDirectory, 'pds.sqlite');
  if (existsSync(database)) throw new Error(`data directory holds a server already: ${o.dataDirectory}`);
  checkDatabase(parts.database);
  await mkdir(o.dataDirectory, { recursive: true, mode: 0o700 });
  await mkdir(o.blobFolder, { recursive: true, mode: 0o700 });
  await cp(parts.blobs, o.blobFolder, { recursive: true });
  await copyFile(parts.secrets, join(o.dataDirectory, 'secrets.json'));
  await copyFile(parts.database, `${database}.new`);
  jumpAhead(o.open(`${database}.new`), manifest.headSeq + restoreSeqJump);
  await writeFile(join(o.dataDirectory, restoredMark), `${JSON.stringify({ restoredAt: new Date(o.nowMs).toISOString(), backup: manifest.createdAt })}\n`, { mode: 0o600, flush: true });
  // The database gets its name last: a restore that was cut off can be repeated.
  await rename(`${database}.new`, database);
  return manifest;
}

/** Closing moves what the write-ahead log holds into the file, which can then be renamed alone. */
function jumpAhead(database: Database, seq: number): void {
  try {
    new Sequencer(database, systemClock).skipTo(seq);
  } finally {
    database.close();
  }
}
