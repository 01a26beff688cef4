/**
 * Puts a backup in the place of a data directory that is empty. What happened after the backup is lost here but not at the relays:
 * so the sequence jumps far ahead, for a relay ignores seqs it has passed, and a mark makes the server tell anew, when it starts,
 * where every repository stands (`after-restore.ts`). Nothing is overwritten. Blobs that are in their place already stay, others are
 * put there from the backup, hashed on their way: so a restore can also move them from a folder into a bucket. Source: ours.
 */
import { createReadStream, existsSync } from 'node:fs';
import { copyFile, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '@dunlin/protocol/base/clock';
import { sameCid, type Cid } from '@dunlin/protocol/data/cid';
import { checkDatabase, removeDatabase, sideFilesOf } from '@dunlin/service/sqlite/copy';
import type { Database } from '@dunlin/service/sqlite/database';
import { beginShellAct } from '../audit/shell-acts.ts';
import { AuditLog } from '../audit/audit-log.ts';
import { AccountStore } from '../account/account-store.ts';
import type { BlobFiles } from '../blob/blob-files.ts';
import { BlobStore } from '../blob/blob-store.ts';
import { filesAtOnce, sideBySide } from '../blob/side-by-side.ts';
import { Sequencer } from '../sequencer/sequencer.ts';
import { markRestored } from './after-restore.ts';
import { sizesOf } from './backup.ts';
import { restoreEvents } from './event-copy.ts';
import { backupFiles, readManifest, type BackupManifest } from './manifest.ts';

/** How far the sequence jumps: more events than a PDS tells in the time between two backups. */
export const restoreSeqJump = 10_000_000;

/** What is restored, and where to. */
export interface RestoreOptions {
  readonly from: string;
  readonly dataDirectory: string;
  readonly files: BlobFiles;
  /** Opens a database of a PDS for writing, brought up to date. */
  readonly open: (path: string) => Database;
  readonly nowMs: number;
  /** Who restores, for the trail. */
  readonly agent: string;
}

/** Restores a backup and gives its manifest, with how many blobs are missing now. @throws Error when the folder holds no whole backup, or the data directory is in use */
export async function restore(o: RestoreOptions): Promise<BackupManifest> {
  const manifest = readManifest(o.from);
  const parts = backupFiles(o.from);
  const database = join(o.dataDirectory, 'pds.sqlite');
  if (existsSync(database)) throw new Error(`data directory holds a server already: ${o.dataDirectory}`);
  const [left] = sideFilesOf(database);
  if (left !== undefined) throw new Error(`data directory holds what belongs to a database that is gone: ${left}; it would be taken for the backup's`);
  checkDatabase(parts.database);
  await mkdir(o.dataDirectory, { recursive: true, mode: 0o700 });
  await copyFile(parts.secrets, join(o.dataDirectory, 'secrets.json'));
  removeDatabase(`${database}.new`);
  await copyFile(parts.database, `${database}.new`);
  const missingBlobs = await fill(o.open(`${database}.new`), {
    files: o.files, from: o.from, dataDirectory: o.dataDirectory, seq: manifest.headSeq + restoreSeqJump,
    remember: (audit) => audit.finish(beginShellAct(audit, { atMs: o.nowMs, agent: o.agent, command: 'restore', input: { from: o.from, backup: manifest.createdAt } }), 200, ''),
  });
  await markRestored(o.dataDirectory, { restoredAtMs: o.nowMs, backup: manifest.createdAt });
  // The database gets its name last: a restore that was cut off can be repeated.
  await rename(`${database}.new`, database);
  return { ...manifest, missingBlobs };
}

interface Filling extends Pick<RestoreOptions, 'from' | 'dataDirectory' | 'files'> {
  readonly seq: number;
  readonly remember: (audit: AuditLog) => void;
}

/** Puts events and blobs into their place and the sequence ahead, notes the act, and closes: that moves what the write-ahead log holds into the file, which can then be renamed alone. */
async function fill(database: Database, { files, from, dataDirectory, seq, remember }: Filling): Promise<number> {
  try {
    await restoreEvents(from, dataDirectory, database);
    new Sequencer(database, systemClock).skipTo(seq);
    const [accounts, blobs] = [new AccountStore(database), new BlobStore(database)];
    let missing = 0;
    for (const accountId of blobs.holders()) {
      const did = accounts.byId(accountId)?.did;
      if (did === undefined) continue;
      const there = await sizesOf(files, did);
      await sideBySide(blobs.uploads(accountId), filesAtOnce, async ({ cid, size, takedownRef }) => {
        const isThere = there.get(cid.toString()) === size || (await putBlob(files, { did, cid, from: backupFiles(from).blobs }));
        if (!isThere && takedownRef === null) missing++;
      });
    }
    remember(new AuditLog(database));
    return missing;
  } finally {
    database.close();
  }
}

/** Puts a blob of the backup into its place; false when the backup has none, or one that is not what its name says. */
async function putBlob(files: BlobFiles, { did, cid, from }: { did: string; cid: Cid; from: string }): Promise<boolean> {
  const path = join(from, did, cid.toString());
  if (!existsSync(path)) return false;
  const received = await files.receive(did, createReadStream(path));
  try {
    if (!sameCid(received.cid, cid)) return false;
    await received.keep();
    return true;
  } finally {
    await received.discard();
  }
}
