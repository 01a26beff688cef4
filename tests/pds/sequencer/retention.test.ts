/** Old events go: whole files when their newest is out of the window, then rows of the table. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { EventHome, windowMs } from './event-home.ts';

let home: EventHome;
beforeEach(async () => {
  home = await EventHome.make();
});
afterEach(() => home.remove());

test('removes files whole when their newest event is out of the window, then rows, and keeps the newest event', async () => {
  for (let hour = 0; hour < 6; hour++) {
    await home.tellMuch();
    await home.filing.file();
    home.clock.advance(windowMs / 4);
  }
  const files = home.filePaths.length;
  expect(files).toBeGreaterThan(4);
  expect(await home.retention.prune()).toBeGreaterThan(0);
  expect(home.filePaths.length).toBeLessThan(files);
  const oldest = home.sequencer.oldestSeq();
  for (const { seq, atMs } of home.told) if (seq < oldest) expect(home.clock.nowMs() - atMs).toBeGreaterThan(windowMs);
  home.told = home.told.filter(({ seq }) => seq >= oldest);
  expect(home.told[0]!.seq).toBe(oldest);
  await home.expectReplay();
  home.clock.advance(2 * windowMs);
  await home.retention.prune();
  expect([home.filePaths, home.rows(), home.sequencer.oldestSeq()]).toEqual([[], 1, home.sequencer.headSeq()]);
  home.told = home.told.slice(-1);
  await home.expectReplay();
});

test('is not held up for years by a clock that was ahead for a while', async () => {
  await home.tellMuch();
  await home.filing.file();
  const rightMs = home.clock.nowMs();
  home.clock.setNow(rightMs + 3 * 365 * 86_400_000);
  await home.tellMuch();
  await home.filing.file();
  home.clock.setNow(rightMs);
  for (let times = 0; times < 12; times++) {
    home.clock.advance(windowMs / 4);
    await home.tellMuch(20);
    await home.filing.file();
    await home.retention.prune();
  }
  // Twelve times twenty were told over three windows; what is older than one, and its share of a file, is gone.
  const oldest = home.told.find(({ seq }) => seq === home.sequencer.oldestSeq())!;
  expect(home.clock.nowMs() - oldest.atMs).toBeLessThan(2 * windowMs);
  home.told = home.told.filter(({ seq }) => seq >= oldest.seq);
  await home.expectReplay();
});

test('makes a reader who is in a file that goes hear that its place is gone', async () => {
  await home.tellMuch();
  await home.filing.file();
  home.clock.advance(windowMs + 1);
  await home.tell([1]);
  const read = home.files.read.bind(home.files);
  home.files.read = async (...given) => {
    home.files.read = read;
    await home.retention.prune();
    return await read(...given);
  };
  expect(await home.replay.read(3, home.runBytes)).toBeNull();
  expect(home.replay.oldestSeq()).toBeGreaterThan(4);
});
