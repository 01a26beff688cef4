/** Damaged files of events are found, and what they held is forgotten without a hole in what is left. */
import { readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { AssertionFailure } from '@dunlin/protocol/base/assert';
import { listEventFiles } from '../../../pds/src/sequencer/event-files.ts';
import { checkEvents, forgetUpTo, type EventFinding } from '../../../pds/src/sequencer/event-fsck.ts';
import { EventHome, windowMs } from './event-home.ts';

let home: EventHome;
beforeEach(async () => {
  home = await EventHome.make();
  for (let times = 0; times < 4; times++) {
    await home.tell(Array.from({ length: 60 }, (_each, n) => 1 + (n % 3)), 50);
    await home.filing.file();
    home.clock.advance(windowMs / 7);
  }
});
afterEach(() => home.remove());

async function findings(): Promise<EventFinding[]> {
  const found: EventFinding[] = [];
  for await (const finding of checkEvents(home.database, home.path)) found.push(finding);
  return found;
}

test('whole files are no findings, nor is what was forgotten in them, erased or not', async () => {
  await home.forget(2);
  expect(await findings()).toEqual([]);
  await home.erasure.erase();
  expect(await findings()).toEqual([]);
});

test.each([
  ['a bit is wrong', (path: string) => {
    const bytes = readFileSync(path);
    bytes[bytes.length - 3]! ^= 1;
    writeFileSync(path, bytes);
  }],
  ['it is too short', (path: string) => truncateSync(path, statSync(path).size - 1)],
  ['it is gone', (path: string) => rmSync(path)],
])('where %s everything up to the end of that file is forgotten, and the rest is replayed', async (_what, spoil) => {
  await home.forget(2);
  expect(home.filePaths.length).toBeGreaterThan(2);
  const expected = listEventFiles(home.folder)[1];
  spoil(home.filePaths[1]!);
  const [finding, ...others] = await findings();
  expect([finding!.file.file, finding!.runs > 0, others]).toEqual([expected, true, []]);
  const { lastSeq } = finding!.file;
  expect(forgetUpTo(home.database, finding!)).toBe(home.told.filter(({ seq }) => seq <= lastSeq).length);
  expect(await findings()).toEqual([]);
  await home.close();
  home.open();
  home.told = home.told.filter(({ seq }) => seq > lastSeq);
  expect([home.filePaths.length > 0, home.sequencer.oldestSeq()]).toEqual([true, home.told[0]!.seq]);
  expect((await home.readAll(0)).equals(home.expected(0))).toBe(true);
  // Chains of accounts end where their events were forgotten.
  await home.forget(1);
  expect((await home.readAll(0)).equals(home.expected(0))).toBe(true);
});

test('a file that cannot be opened is told, not called damaged: what is in it may be whole', async () => {
  const path = home.filePaths[0]!;
  rmSync(path);
  symlinkSync(path, path);
  await expect(findings()).rejects.toMatchObject({ code: 'ELOOP' });
});

test('a server with such a file does not start before', async () => {
  rmSync(home.filePaths[1]!);
  await home.close();
  expect(() => home.open()).toThrow(AssertionFailure);
  const [finding] = await findings();
  forgetUpTo(home.database, finding!);
  home.database.close();
  home.reading.close();
  home.open();
});
