/** Restoring into a folder where something was left: of a restore that was cut off, or of a server whose database is gone. */
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openDatabase, type Database } from '@dunlin/service/sqlite/database';
import { backUp } from '../../../pds/src/backup/backup.ts';
import { restore } from '../../../pds/src/backup/restore.ts';
import type { BlobFiles } from '../../../pds/src/blob/blob-files.ts';
import { pdsMigrations } from '../../../pds/src/wiring/stores.ts';
import { temporaryFolder } from '../../harness/temporary.ts';

const open = (path: string): Database => openDatabase(path, { migrations: pdsMigrations });
/** There are no blobs here. */
const files = {} as BlobFiles;

let folder: { path: string; remove: () => Promise<void> };
let target: string;
beforeEach(async () => {
  folder = await temporaryFolder();
  target = join(folder.path, 'target');
  mkdirSync(target);
  const source = join(folder.path, 'source');
  open(join(source, 'pds.sqlite')).exec("INSERT INTO event (seq, account, created_at, frame) VALUES (7, 1, 0, x'01')").close();
  writeFileSync(join(source, 'secrets.json'), '{}');
  await backUp({ dataDirectory: source, files, areBlobsCopied: true, to: join(folder.path, 'backup'), open, nowMs: 0, version: 'test' });
});
afterEach(() => folder.remove());

const restoreIt = (): Promise<unknown> => restore({ from: join(folder.path, 'backup'), dataDirectory: target, files, open, nowMs: 0, agent: 'test' });

/** Leaves what a server that was killed leaves beside its database. */
function leaveLog(name: string): void {
  const path = join(folder.path, 'other.sqlite');
  const other = open(path);
  other.exec("INSERT INTO event (seq, account, created_at, frame) VALUES (9, 1, 0, x'02')");
  copyFileSync(`${path}-wal`, join(target, `${name}-wal`));
  other.close();
}

test('what a restore left that was cut off is not mixed into the next', async () => {
  leaveLog('pds.sqlite.new');
  writeFileSync(join(target, 'pds.sqlite.new'), 'half of it');
  await restoreIt();
  const restored = open(join(target, 'pds.sqlite'));
  expect(restored.pragma('integrity_check', { simple: true })).toBe('ok');
  expect(restored.prepare('SELECT seq, frame FROM event').raw().all()).toEqual([[7, Buffer.from([1])]]);
  restored.close();
});

test('a log of writes without its database is not taken for one of the backup', async () => {
  leaveLog('pds.sqlite');
  await expect(restoreIt()).rejects.toThrow('pds.sqlite-wal');
  expect(readdirSync(target)).toEqual(['pds.sqlite-wal']);
  rmSync(join(target, 'pds.sqlite-wal'));
  await restoreIt();
});
