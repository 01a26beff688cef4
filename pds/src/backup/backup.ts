/**
 * Backs a PDS up into a folder while it runs: the database as one moment had it, the secrets, and every blob that moment knows.
 * Blobs never change, so a further backup into the same folder copies new ones only and removes those that are gone.
 * The manifest is written last: a folder without one is no backup. Whoever can read the folder can act for every account: it gets
 * the same rights as the data directory. Not here: getting it back (`restore.ts`). Source: ours.
 */
import { constants } from 'node:fs';
import { copyFile, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { copyDatabase } from '@dunlin/service/sqlite/copy';
import type { Database } from '@dunlin/service/sqlite/database';
import { AccountStore } from '../account/account-store.ts';
import { accountFolder } from '../blob/blob-files.ts';
import { BlobStore } from '../blob/blob-store.ts';
import { backupFiles, type BackupManifest } from './manifest.ts';

/** What is backed up, and where to. */
export interface BackupOptions {
  readonly dataDirectory: string;
  readonly blobFolder: string;
  /** Folder of the backup; made when it is not there. */
  readonly to: string;
  /** Opens a database of a PDS for reading only. */
  readonly open: (path: string) => Database;
  readonly nowMs: number;
  readonly version: string;
}

/** Makes the backup and gives its manifest. Blobs whose files are missing are counted, not fatal: the rest is worth having. */
export async function backUp(o: BackupOptions): Promise<BackupManifest> {
  const { database, secrets, blobs, manifest } = backupFiles(o.to);
  await mkdir(blobs, { recursive: true, mode: 0o700 });
  await rm(manifest, { force: true });
  await copyDatabase(join(o.dataDirectory, 'pds.sqlite'), `${database}.new`);
  await rename(`${database}.new`, database);
  await copyFile(join(o.dataDirectory, 'secrets.json'), secrets);
  const copy = o.open(database);
  try {
    const counts = await copyBlobs(copy, { from: o.blobFolder, to: blobs });
    const made: BackupManifest = {
      format: 1, createdAt: new Date(o.nowMs).toISOString(), version: o.version,
      accounts: new AccountStore(copy).count(), headSeq: headSeqOf(copy), ...counts,
    };
    await writeFile(manifest, `${JSON.stringify(made, null, 1)}\n`, { mode: 0o600, flush: true });
    return made;
  } finally {
    copy.close();
  }
}

async function copyBlobs(database: Database, { from, to }: { from: string; to: string }): Promise<Pick<BackupManifest, 'blobs' | 'blobBytes' | 'missingBlobs'>> {
  const accounts = new AccountStore(database);
  const wanted = new Set<string>();
  let [blobs, blobBytes, missingBlobs] = [0, 0, 0];
  for (const { accountId, cid, size } of new BlobStore(database).all()) {
    const did = accounts.byId(accountId)?.did;
    if (did === undefined) continue;
    const path = join(accountFolder('', did), cid.toString());
    wanted.add(path);
    if (await copyIfNew(join(from, path), join(to, path), size)) {
      blobs++;
      blobBytes += size;
    } else missingBlobs++;
  }
  await removeOthers(to, wanted);
  return { blobs, blobBytes, missingBlobs };
}

/** Copies a file unless it is there already, whole; false when there is nothing to copy. */
async function copyIfNew(from: string, to: string, size: number): Promise<boolean> {
  if ((await sizeOf(to)) === size) return true;
  if ((await sizeOf(from)) !== size) return false;
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  await copyFile(from, `${to}.new`, constants.COPYFILE_FICLONE);
  await rename(`${to}.new`, to);
  return true;
}

async function removeOthers(folder: string, wanted: ReadonlySet<string>): Promise<void> {
  for (const account of await readdir(folder)) {
    for (const name of await readdir(join(folder, account))) {
      if (!wanted.has(join(account, name))) await rm(join(folder, account, name), { force: true });
    }
  }
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch {
    return null;
  }
}

function headSeqOf(database: Database): number {
  return database.prepare<[], number>("SELECT seq FROM sqlite_sequence WHERE name = 'event'").pluck().get() ?? 0;
}
