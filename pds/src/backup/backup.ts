/**
 * Backs a PDS up into a folder while it runs: the database as one moment had it, the secrets, and every event and blob that moment knows.
 * Blobs never change, so a further backup into the same folder copies new ones only and removes those that are gone. Blobs in a bucket
 * stay there unless they are asked for: the database says which they are, and they are looked for now and when it is restored.
 * The manifest is written last: a folder without one is no backup. Whoever can read the folder can act for every account: it gets
 * the same rights as the data directory. Not here: getting it back (`restore.ts`). Source: ours.
 */
import { copyFile, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Cid } from '@dunlin/protocol/data/cid';
import { copyDatabase } from '@dunlin/service/sqlite/copy';
import type { Database } from '@dunlin/service/sqlite/database';
import { AccountStore } from '../account/account-store.ts';
import type { BlobFiles } from '../blob/blob-files.ts';
import { BlobStore } from '../blob/blob-store.ts';
import { filesAtOnce, sideBySide } from '../blob/side-by-side.ts';
import { holdEvents } from './event-copy.ts';
import { backupFiles, type BackupManifest } from './manifest.ts';

/** How often the database is copied anew when deletions of accounts changed events meanwhile. */
const maxTries = 5;

/** What is backed up, and where to. */
export interface BackupOptions {
  readonly dataDirectory: string;
  readonly files: BlobFiles;
  /** False leaves blobs where they are and only looks whether they are there. */
  readonly areBlobsCopied: boolean;
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
  for (let tries = 1; !(await copyWithEvents(o, `${database}.new`)); tries++) {
    if (tries === maxTries) throw new Error('events do not fit the database: accounts are deleted while they are copied, or files of events are damaged');
  }
  await rename(`${database}.new`, database);
  await copyFile(join(o.dataDirectory, 'secrets.json'), secrets);
  const copy = o.open(database);
  try {
    const counts = await copyBlobs(copy, { from: o.files, to: blobs, areCopied: o.areBlobsCopied });
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

/** Copies the database and then the events it names; false when those were changed in between, and it must be copied anew. */
async function copyWithEvents({ dataDirectory, to, open }: BackupOptions, database: string): Promise<boolean> {
  const events = await holdEvents(dataDirectory);
  try {
    await copyDatabase(join(dataDirectory, 'pds.sqlite'), database);
    const copy = open(database);
    try {
      return await events.copyTo(to, copy);
    } finally {
      copy.close();
    }
  } finally {
    await events.letGo();
  }
}

interface BlobCopy {
  readonly from: BlobFiles;
  readonly to: string;
  readonly areCopied: boolean;
}

async function copyBlobs(database: Database, { from, to, areCopied }: BlobCopy): Promise<Pick<BackupManifest, 'blobs' | 'blobBytes' | 'missingBlobs' | 'areBlobsCopied'>> {
  const [accounts, store, wanted] = [new AccountStore(database), new BlobStore(database), new Set<string>()];
  let [blobs, blobBytes, missingBlobs] = [0, 0, 0];
  for (const accountId of store.holders()) {
    const did = accounts.byId(accountId)?.did;
    if (did === undefined) continue;
    const there = areCopied ? null : await sizesOf(from, did);
    await sideBySide(store.uploads(accountId), filesAtOnce, async ({ cid, size, takedownRef }) => {
      const path = join(did, cid.toString());
      wanted.add(path);
      const isThere = there === null ? await copyIfNew(from, { did, cid, size }, join(to, path)) : there.get(cid.toString()) === size;
      if (isThere) {
        blobs++;
        blobBytes += size;
      } else if (takedownRef === null) missingBlobs++;
    });
  }
  await removeOthers(to, wanted);
  return { blobs, blobBytes, missingBlobs, areBlobsCopied: areCopied };
}

/** Copies a file unless it is there already, whole; false when there is nothing to copy. */
async function copyIfNew(from: BlobFiles, { did, ...blob }: { did: string; cid: Cid; size: number }, to: string): Promise<boolean> {
  if ((await sizeOf(to)) === blob.size) return true;
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  if (!(await from.copyTo(did, blob, `${to}.new`))) return false;
  await rename(`${to}.new`, to);
  return true;
}

/** Gives the sizes of an account's files by name. */
export async function sizesOf(files: BlobFiles, did: string): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for await (const { name, size } of files.list(did)) sizes.set(name, size);
  return sizes;
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
