/** Damage that a reader of events meets, in files or in the database, is our own and is told as such. */
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AssertionFailure } from '@dunlin/protocol/base/assert';
import { EventHome } from './event-home.ts';

let home: EventHome;
beforeEach(async () => {
  home = await EventHome.make();
});
afterEach(() => home.remove());

describe('damage', () => {
  beforeEach(async () => {
    await home.tellMuch();
    await home.filing.file();
  });

  test('in a run is told as our own corruption, whether it is read whole or in part', async () => {
    const [path] = home.filePaths;
    const bytes = readFileSync(path!);
    const second = home.told[1]!;
    const end = home.told[0]!.frame.length + second.frame.length;
    bytes[end - 1]! ^= 1;
    writeFileSync(path!, bytes);
    await expect(home.replay.read(0, home.runBytes)).rejects.toThrow(AssertionFailure);
    await expect(home.replay.read(home.told[0]!.seq, home.runBytes)).rejects.toThrow(AssertionFailure);
    expect((await home.readAll(second.seq)).equals(home.expected(second.seq))).toBe(true);
    await home.forget(3);
    await expect(home.replay.read(0, home.runBytes)).rejects.toThrow(AssertionFailure);
  });

  test('of a file that is too short, or gone, stops the start', async () => {
    const [path] = home.filePaths;
    truncateSync(path!, statSync(path!).size - 1);
    await home.close();
    expect(() => home.open()).toThrow(AssertionFailure);
    home.database.close();
    home.reading.close();
    writeFileSync(path!, Buffer.alloc(100_000));
    home.open();
    await expect(home.replay.read(0, home.runBytes)).rejects.toThrow(AssertionFailure);
  });
});

test('damage of the database that a reader meets is told as our own corruption too', async () => {
  await home.tell([1, 2, 3]);
  const root = Number(home.database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'event'").pluck().get());
  const pageBytes = Number(home.database.pragma('page_size', { simple: true }));
  home.database.pragma('wal_checkpoint(TRUNCATE)');
  await home.close();
  const path = join(home.path, 'pds.sqlite');
  const bytes = readFileSync(path);
  home.open();
  writeFileSync(path, bytes.fill(0xff, (root - 1) * pageBytes, root * pageBytes));
  expect(() => home.replay.read(0, home.runBytes)).toThrow(AssertionFailure);
});
