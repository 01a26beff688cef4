/**
 * What a backup says of itself, and where its parts lie.
 * Not for making or reading the parts. The format has a number, so that a later program can tell an earlier backup.
 * Source: ours.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a backup holds. */
export interface BackupManifest {
  readonly format: 1;
  readonly createdAt: string;
  /** Version of the program that made it. */
  readonly version: string;
  readonly accounts: number;
  /** Highest seq ever given at that moment. */
  readonly headSeq: number;
  readonly blobs: number;
  readonly blobBytes: number;
  /** Blobs the database knows whose files were not there. */
  readonly missingBlobs: number;
  /** False when blobs were left in their bucket; undefined, in earlier backups, is true. */
  readonly areBlobsCopied?: boolean;
}

/** Gives the paths of a backup's parts. */
export function backupFiles(folder: string): { database: string; secrets: string; blobs: string; manifest: string } {
  return { database: join(folder, 'pds.sqlite'), secrets: join(folder, 'secrets.json'), blobs: join(folder, 'blobs'), manifest: join(folder, 'backup.json') };
}

/** Reads what a backup says of itself. @throws Error when the folder holds no whole backup */
export function readManifest(folder: string): BackupManifest {
  const { manifest } = backupFiles(folder);
  if (!existsSync(manifest)) throw new Error(`folder holds no whole backup: ${folder}`);
  const made = JSON.parse(readFileSync(manifest, 'utf8')) as BackupManifest;
  if (made.format !== 1) throw new Error(`backup is of a format that is not known here: format=${String(made.format)}`);
  return made;
}
