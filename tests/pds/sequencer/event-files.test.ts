/** The files of events by themselves: how many are open, and what an append leaves. */
import { rmSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { maxOpenFiles } from '../../../pds/src/sequencer/event-files.ts';
import { EventHome } from './event-home.ts';

let home: EventHome;
beforeEach(async () => {
  home = await EventHome.make();
});
afterEach(() => home.remove());

test('more files can be read at once than stay open', async () => {
  const count = 3 * maxOpenFiles;
  const files = Array.from({ length: count }, (_each, n) => n + 1);
  for (const file of files) await home.files.append(file, 0, [Buffer.alloc(100_000, file)]);
  const reads = Array.from({ length: 10 }, () => files).flat().map(async (file) => {
    const target = Buffer.alloc(100_000);
    return (await home.files.read(file, 0, target)) && target.equals(Buffer.alloc(100_000, file));
  });
  expect((await Promise.all(reads)).filter((isRight) => !isRight)).toEqual([]);
  expect(await home.files.read(count + 1, 0, Buffer.alloc(1))).toBe(false);
});

test('of many files those that were read last stay open', async () => {
  const files = Array.from({ length: maxOpenFiles + 2 }, (_each, n) => n + 1);
  for (const file of files) await home.files.append(file, 0, [Buffer.alloc(10, file)]);
  for (const file of files) await home.files.read(file, 0, Buffer.alloc(10));
  // What is open can be read although it is gone.
  for (const path of home.filePaths) rmSync(path);
  const areOpen = await Promise.all(files.map(async (file) => await home.files.read(file, 0, Buffer.alloc(10))));
  expect(areOpen).toEqual([false, false, ...Array.from({ length: maxOpenFiles }, () => true)]);
});

test('what an append left that failed is not behind the next', async () => {
  await home.files.append(1, 0, [Buffer.alloc(100, 1)]);
  await home.files.append(1, 100, [Buffer.alloc(500, 2), Buffer.alloc(500, 3)]);
  await home.files.append(1, 100, [Buffer.alloc(300, 4)]);
  expect(home.onDisk()).toEqual(Buffer.concat([Buffer.alloc(100, 1), Buffer.alloc(300, 4)]));
});
