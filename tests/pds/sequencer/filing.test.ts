/** Events go from the table to files and are replayed all the same: byte for byte, after crashes and deletions. */
import { appendFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { retryFilingMs, runsWorthFiling } from '../../../pds/src/sequencer/filing.ts';
import { eventually } from '../../harness/wait.ts';
import { EventHome, windowMs } from './event-home.ts';

let home: EventHome;
beforeEach(async () => {
  home = await EventHome.make();
});
afterEach(() => home.remove());

test('full runs leave the table for files, and replay is the same from every cursor', async () => {
  await home.tellMuch();
  const before = await home.readAll(0);
  await home.filing.file();
  expect([home.rows() > 0, home.rows() < 20, home.filed() + home.rows()]).toEqual([true, true, 60]);
  expect((await home.readAll(0)).equals(before)).toBe(true);
  await home.expectReplay();
  expect(home.onDisk().equals(home.expected(0).subarray(0, home.onDisk().length))).toBe(true);
});

test('nothing is filed by itself before there are four runs of it, and then it is', async () => {
  await home.filing.file();
  await home.tell([1], 150);
  const enough = Math.ceil((runsWorthFiling * home.runBytes) / home.told[0]!.frame.length);
  for (let n = 1; n < enough - 1; n++) await home.tell([1], 150);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect([home.filed(), home.rows()]).toEqual([0, enough - 1]);
  await home.tell([1], 150);
  await eventually('events are filed', () => home.filed() > enough / 4);
  expect(home.filed() + home.rows()).toBe(enough);
  await home.expectReplay();
});

test('a fault is told once, however many events come meanwhile, and filing rests a while', async () => {
  let appends = 0;
  const { append } = home.files;
  home.files.append = async () => {
    appends += 1;
    await home.tellMuch(20);
    throw new Error('no space left on device');
  };
  await home.tellMuch(20);
  await eventually('it failed', () => home.faults.length > 0);
  await home.tellMuch(20);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect([appends, home.faults.splice(0)]).toEqual([1, [new Error('no space left on device')]]);
  Object.assign(home.files, { append });
  home.clock.advance(retryFilingMs);
  await home.tellMuch(1);
  await eventually('events are filed', () => home.filed() > 0);
  await home.expectReplay();
});

test('an event larger than a run is a run of its own', async () => {
  await home.tell([1, 2], 100);
  await home.tell([1], 5_000);
  await home.tell([1, 2, 3], 100);
  await home.tell([2], 5_000);
  await home.tellMuch(20);
  await home.filing.file();
  expect(home.filed()).toBeGreaterThan(7);
  await home.expectReplay();
});

describe('a crash', () => {
  /** Nothing is done any more from then on. */
  const kill = (): Promise<never> => {
    home.files.cut = kill;
    return Promise.reject(new Error('killed'));
  };

  test('before a run is named leaves bytes that are cut off, or a file that is removed, and every event in the table', async () => {
    await home.tellMuch();
    home.groups.write = kill;
    await expect(home.filing.file()).rejects.toThrow('killed');
    expect([home.onDisk().length > 0, home.filed(), home.rows()]).toEqual([true, 0, 60]);
    await home.crash();
    home.open();
    expect(home.filePaths).toEqual([]);
    await home.filing.file();
    const [long] = home.filePaths;
    appendFileSync(long!, 'bytes of a run that was never named');
    writeFileSync(join(home.folder, '0000000000009999.frames'), 'and a file of such');
    const size = statSync(long!).size;
    await home.crash();
    home.open();
    expect(home.filePaths).toEqual([long]);
    expect(statSync(long!).size).toBeLessThan(size);
    await home.tellMuch();
    await home.filing.file();
    await home.expectReplay();
  });

  test('after some runs are named leaves nothing to do', async () => {
    await home.tellMuch();
    const write = home.groups.write.bind(home.groups);
    let left = 2;
    home.groups.write = (run) => (left-- > 0 ? write(run) : kill());
    await expect(home.filing.file()).rejects.toThrow('killed');
    expect(home.filed()).toBeGreaterThan(0);
    await home.crash();
    home.open();
    await home.expectReplay();
    await home.tellMuch();
    await home.filing.file();
    await home.expectReplay();
  });
});

describe('a forgotten account', () => {
  const traces = (account: number): number => home.onDisk().toString('latin1').split(`account${account}.org`).length - 1;

  test('is never replayed, filed or not, and its bytes leave the files', async () => {
    await home.tellMuch();
    await home.filing.file();
    await home.tellMuch(10);
    expect(traces(2)).toBeGreaterThan(5);
    await home.forget(2);
    await home.expectReplay();
    await home.erasure.erase();
    expect([traces(2), traces(1) > 5, home.runs.toErase()]).toEqual([0, true, null]);
    await home.expectReplay();
    await home.tellMuch();
    await home.filing.file();
    await home.close();
    home.open();
    await home.expectReplay();
    await home.forget(1);
    await home.forget(3);
    await home.tell([4]);
    await home.expectReplay();
    await home.erasure.erase();
    expect([traces(1), traces(3)]).toEqual([0, 0]);
  });

  test('is erased after a crash too, when its bytes were left', async () => {
    await home.tellMuch();
    await home.filing.file();
    await home.forget(2);
    await home.crash();
    home.open();
    expect(traces(2)).toBeGreaterThan(5);
    await home.expectReplay();
    await home.erasure.erase();
    expect(traces(2)).toBe(0);
    await home.expectReplay();
  });

  test.each([['begun', 0], ['added to', 60]])('while it is being filed is filed without, and its bytes are cut off the file that is %s', async (_how, before) => {
    await home.tellMuch(before);
    await home.filing.file();
    // Nearly all are of the account, so that nothing is left to be written over what it leaves.
    await home.tell([1, ...Array.from({ length: 60 }, () => 9)], 50);
    const append = home.files.append.bind(home.files);
    home.files.append = async (...given) => {
      home.files.append = append;
      await append(...given);
      expect(traces(9)).toBeGreaterThan(5);
      await home.forget(9);
    };
    await home.filing.file();
    expect([traces(9), home.faults]).toEqual([0, []]);
    await home.expectReplay();
  });

  test('that is forgotten while another is erased is erased too', async () => {
    await home.tellMuch();
    await home.filing.file();
    await home.forget(2);
    const erase = home.files.erase.bind(home.files);
    home.files.erase = async (...given) => {
      home.files.erase = erase;
      const isErased = await erase(...given);
      await home.forget(3);
      return isErased;
    };
    await home.erasure.erase();
    expect([traces(2), traces(3), home.runs.toErase()]).toEqual([0, 0, null]);
    await home.expectReplay();
  });

  test('while it is being read is not in what was read, and no false alarm is raised', async () => {
    await home.tellMuch();
    await home.filing.file();
    const reading = home.replay.read(0, home.runBytes);
    const inMidst = home.replay.read(home.told[2]!.seq, home.runBytes);
    const files = home.files.read.bind(home.files);
    home.files.read = async (...given) => {
      home.files.read = files;
      await home.forget(2);
      await home.erasure.erase();
      return await files(...given);
    };
    const after = home.replay.read(0, home.runBytes);
    for (const slice of await Promise.all([reading, inMidst])) expect(slice!.count).toBeGreaterThan(2);
    const { bytes } = (await after)!;
    expect(bytes.equals(home.expected(0).subarray(0, bytes.length))).toBe(true);
    await home.expectReplay();
  });
});

test('a file that goes by age while it is added to gets no run, and nothing of it is left', async () => {
  await home.tellMuch();
  await home.filing.file();
  await home.tellMuch();
  home.clock.advance(windowMs + 1);
  const append = home.files.append.bind(home.files);
  home.files.append = async (...given) => {
    home.files.append = append;
    await append(...given);
    expect(await home.retention.prune()).toBe(home.told.length - 1);
  };
  const head = home.told.at(-1)!;
  await home.filing.file();
  expect([home.filePaths, home.filed(), home.rows(), home.faults]).toEqual([[], 0, 1, []]);
  home.told = [head];
  await home.expectReplay();
});

test.each(['writing', 'naming'])('what a fault in %s leaves is cut off at once, so that it cannot outlive its account', async (where) => {
  await home.tellMuch();
  const { append } = home.files;
  const { write } = home.groups;
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  if (where === 'naming') home.groups.write = () => Promise.reject(full);
  else home.files.append = async (file, end, pieces) => {
    await append.call(home.files, file, end, pieces.slice(0, 1));
    throw full;
  };
  await expect(home.filing.file()).rejects.toThrow(full);
  expect([home.filePaths, home.filed()]).toEqual([[], 0]);
  Object.assign(home.files, { append });
  Object.assign(home.groups, { write });
  await home.filing.file();
  await home.expectReplay();
});

test('what a fault of the disk in naming leaves stays, since the row may come back with a crash', async () => {
  await home.tellMuch();
  const { write } = home.groups;
  home.groups.write = () => Promise.reject(Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR_FSYNC' }));
  await expect(home.filing.file()).rejects.toThrow('disk I/O error');
  expect(home.onDisk().equals(home.expected(0).subarray(0, home.onDisk().length))).toBe(true);
  expect(home.onDisk().length).toBeGreaterThan(home.runBytes);
  Object.assign(home.groups, { write });
  await home.filing.file();
  await home.expectReplay();
});

test('whatever happens in whatever order, replay is what was told', async () => {
  const account = fc.integer({ min: 1, max: 5 });
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('tell' as const), accounts: fc.array(account, { minLength: 1, maxLength: 15 }), padding: fc.constantFrom(0, 100, 400, 1_500) }) },
    { weight: 3, arbitrary: fc.constant({ kind: 'file' as const }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('forget' as const), account }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'erase' as const }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1_000, windowMs / 10, windowMs / 2) }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'prune' as const }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), isCrash: fc.boolean() }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('read' as const), from: fc.nat(200), maxBytes: fc.constantFrom(1, 300, 1_000, 4_000) }) },
  );
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
    const one = await EventHome.make();
    try {
      for (const each of steps) {
        if (each.kind === 'tell') await one.tell(each.accounts, each.padding);
        else if (each.kind === 'file') await one.filing.file();
        else if (each.kind === 'forget') await one.forget(each.account);
        else if (each.kind === 'erase') await one.erasure.erase();
        else if (each.kind === 'wait') one.clock.advance(each.ms);
        else if (each.kind === 'prune') {
          await one.retention.prune();
          const oldest = one.sequencer.oldestSeq();
          const gone = one.told.filter(({ seq }) => seq < oldest);
          for (const { atMs } of gone) if (one.clock.nowMs() - atMs <= windowMs) throw new Error('an event within the window is gone');
          one.told = one.told.slice(gone.length);
        } else if (each.kind === 'restart') {
          await (each.isCrash ? one.crash() : one.close());
          one.open();
        } else {
          const cursor = one.told[each.from % Math.max(1, one.told.length)]?.seq ?? 0;
          expect((await one.readAll(cursor, each.maxBytes)).equals(one.expected(cursor))).toBe(true);
        }
      }
      expect((await one.readAll(0)).equals(one.expected(0))).toBe(true);
      expect(one.replay.oldestSeq()).toBe(one.told[0]?.seq ?? one.sequencer.headSeq() + 1);
      expect(one.faults).toEqual([]);
    } finally {
      await one.remove();
    }
  }), { numRuns: 100 });
});
