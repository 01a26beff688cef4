/** Events in files go with a backup of the database: what it names is there, whatever the server does meanwhile. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { copyDatabase } from '@dunlin/service/sqlite/copy';
import { openDatabase, type Database } from '@dunlin/service/sqlite/database';
import { holdEvents, restoreEvents } from '../../../pds/src/backup/event-copy.ts';
import { eventFilePath, eventFolder, listEventFiles } from '../../../pds/src/sequencer/event-files.ts';
import { RunStore } from '../../../pds/src/sequencer/run-store.ts';
import { eventRunSchema, sequencerSchema } from '../../../pds/src/sequencer/schema.ts';
import { EventHome, windowMs } from '../sequencer/event-home.ts';

let home: EventHome;
let backup: string;
let copies: Database[];
beforeEach(async () => {
  home = await EventHome.make();
  backup = join(home.path, 'backup');
  mkdirSync(backup);
  copies = [];
  await tellMuch();
});
afterEach(async () => {
  for (const copy of copies) copy.close();
  await home.remove();
});

async function tellMuch(): Promise<void> {
  await home.tell(Array.from({ length: 60 }, (_each, n) => 1 + (n % 3)), 50);
  await home.filing.file();
}

async function snapshot(): Promise<Database> {
  const path = join(backup, `${copies.length}.sqlite`);
  await copyDatabase(join(home.path, 'pds.sqlite'), path);
  copies.push(openDatabase(path, { migrations: [sequencerSchema, eventRunSchema] }));
  return copies.at(-1)!;
}

/** Opens what a snapshot and the copied files come to as a server would, and gives all its events. */
async function restoredEvents(database: Database): Promise<Buffer> {
  const other = await EventHome.make();
  try {
    await other.close();
    for (const name of ['pds.sqlite', 'pds.sqlite-wal', 'pds.sqlite-shm']) rmSync(join(other.path, name), { force: true });
    await restoreEvents(backup, other.path, database);
    copyFileSync(database.name, join(other.path, 'pds.sqlite'));
    other.open();
    return await other.readAll(0);
  } finally {
    await other.remove();
  }
}

test('what the database names is copied, not what came later; a second backup takes the rest', async () => {
  const [held, database] = [await holdEvents(home.path), await snapshot()];
  const then = home.expected(0);
  await tellMuch();
  expect(await held.copyTo(backup, database)).toBe(true);
  await held.letGo();
  expect((await restoredEvents(database)).equals(then)).toBe(true);
  const [again, later] = [await holdEvents(home.path), await snapshot()];
  expect(await again.copyTo(backup, later)).toBe(true);
  await again.letGo();
  expect((await restoredEvents(later)).equals(home.expected(0))).toBe(true);
});

test('files that go by age while they are copied are in the backup; in the next one they are gone', async () => {
  const [held, database] = [await holdEvents(home.path), await snapshot()];
  const then = home.expected(0);
  home.clock.advance(windowMs + 1);
  await home.retention.prune();
  expect(home.filePaths).toEqual([]);
  await tellMuch();
  expect(await held.copyTo(backup, database)).toBe(true);
  await held.letGo();
  expect((await restoredEvents(database)).equals(then)).toBe(true);
  const again = await holdEvents(home.path);
  expect(await again.copyTo(backup, await snapshot())).toBe(true);
  await again.letGo();
  expect(listEventFiles(eventFolder(backup))).toEqual(listEventFiles(home.folder));
});

test('an account that is deleted while events are copied makes the database be copied anew; nothing of it is in the backup', async () => {
  const [held, database] = [await holdEvents(home.path), await snapshot()];
  await home.forget(2);
  await home.erasure.erase();
  expect(await held.copyTo(backup, database)).toBe(false);
  const later = await snapshot();
  expect(await held.copyTo(backup, later)).toBe(true);
  await held.letGo();
  expect((await restoredEvents(later)).equals(home.expected(0))).toBe(true);
  await home.forget(3);
  const again = await holdEvents(home.path);
  const last = await snapshot();
  expect([new RunStore(last).toErase() === null, await again.copyTo(backup, last)]).toEqual([false, true]);
  await again.letGo();
  const bytes = listEventFiles(eventFolder(backup)).map((file) => readFileSync(eventFilePath(eventFolder(backup), file), 'latin1')).join('');
  expect(['account1.org', 'account2.org', 'account3.org'].map((did) => bytes.includes(did))).toEqual([true, false, false]);
  expect((await restoredEvents(last)).equals(home.expected(0))).toBe(true);
});

test('damage is not backed up, and a backup that lacks events is not restored', async () => {
  const [path] = home.filePaths;
  const bytes = readFileSync(path!);
  const held = await holdEvents(home.path);
  const database = await snapshot();
  writeFileSync(path!, Buffer.from(bytes).fill(7, 100, 101));
  expect(await held.copyTo(backup, database)).toBe(false);
  writeFileSync(path!, bytes);
  expect(await held.copyTo(backup, database)).toBe(true);
  await held.letGo();
  rmSync(eventFilePath(eventFolder(backup), 1));
  await expect(restoredEvents(database)).rejects.toThrow('backup lacks events');
  expect(existsSync(path!)).toBe(true);
});
