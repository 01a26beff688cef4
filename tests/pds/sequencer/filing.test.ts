/** Events go from the table to files and are replayed all the same: byte for byte, after crashes, deletions and damage. */
import { readFileSync, rmSync, statSync, truncateSync, writeFileSync, appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { AssertionFailure } from '@dunlin/protocol/base/assert';
import * as fc from 'fast-check';
import { maxOpenFiles } from '../../../pds/src/sequencer/event-files.ts';
import { retryFilingMs, runsWorthFiling } from '../../../pds/src/sequencer/filing.ts';
import { eventually } from '../../harness/wait.ts';
import { EventHome, windowMs } from './event-home.ts';

let home: EventHome;
beforeEach(async () => {
  home = await EventHome.make();
});
afterEach(() => home.remove());

const rows = (): number => Number(home.database.prepare('SELECT count(*) FROM event').pluck().get());
const filed = (): number => Number(home.database.prepare('SELECT coalesce(sum(count), 0) FROM event_run').pluck().get());
const onDisk = (): Buffer => Buffer.concat(home.filePaths.map((path) => readFileSync(path)));

/** Reads from every cursor there is, in pieces of several sizes. */
async function expectReplay(): Promise<void> {
  const cursors = [0, ...home.told.map(({ seq }) => seq), home.sequencer.headSeq()];
  for (const maxBytes of [1, home.runBytes / 2, home.runBytes, home.runBytes * 5]) {
    for (const cursor of cursors) expect((await home.readAll(cursor, maxBytes)).equals(home.expected(cursor))).toBe(true);
  }
}

/** Some hundred bytes an event, of three accounts. */
async function tellMuch(count = 60): Promise<void> {
  await home.tell(Array.from({ length: count }, (_each, n) => 1 + (n % 3)), 50);
}

test('full runs leave the table for files, and replay is the same from every cursor', async () => {
  await tellMuch();
  const before = await home.readAll(0);
  await home.filing.file();
  expect([rows() > 0, rows() < 20, filed() + rows()]).toEqual([true, true, 60]);
  expect((await home.readAll(0)).equals(before)).toBe(true);
  await expectReplay();
  expect(onDisk().equals(home.expected(0).subarray(0, onDisk().length))).toBe(true);
});

test('nothing is filed by itself before there are four runs of it, and then it is', async () => {
  await home.filing.file();
  await home.tell([1], 150);
  const enough = Math.ceil((runsWorthFiling * home.runBytes) / home.told[0]!.frame.length);
  for (let n = 1; n < enough - 1; n++) await home.tell([1], 150);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect([filed(), rows()]).toEqual([0, enough - 1]);
  await home.tell([1], 150);
  await eventually('events are filed', () => filed() > enough / 4);
  expect(filed() + rows()).toBe(enough);
  await expectReplay();
});

test('a fault is told once, however many events come meanwhile, and filing rests a while', async () => {
  let appends = 0;
  const { append } = home.files;
  home.files.append = async () => {
    appends += 1;
    await tellMuch(20);
    throw new Error('no space left on device');
  };
  await tellMuch(20);
  await eventually('it failed', () => home.faults.length > 0);
  await tellMuch(20);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect([appends, home.faults.splice(0)]).toEqual([1, [new Error('no space left on device')]]);
  Object.assign(home.files, { append });
  home.clock.advance(retryFilingMs);
  await tellMuch(1);
  await eventually('events are filed', () => filed() > 0);
  await expectReplay();
});

test('an event larger than a run is a run of its own', async () => {
  await home.tell([1, 2], 100);
  await home.tell([1], 5_000);
  await home.tell([1, 2, 3], 100);
  await home.tell([2], 5_000);
  await tellMuch(20);
  await home.filing.file();
  expect(filed()).toBeGreaterThan(7);
  await expectReplay();
});

describe('a crash', () => {
  /** Nothing is done any more from then on. */
  const kill = (): Promise<never> => {
    home.files.cut = kill;
    return Promise.reject(new Error('killed'));
  };

  test('before a run is named leaves bytes that are cut off, or a file that is removed, and every event in the table', async () => {
    await tellMuch();
    home.groups.write = kill;
    await expect(home.filing.file()).rejects.toThrow('killed');
    expect([onDisk().length > 0, filed(), rows()]).toEqual([true, 0, 60]);
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
    await tellMuch();
    await home.filing.file();
    await expectReplay();
  });

  test('after some runs are named leaves nothing to do', async () => {
    await tellMuch();
    const write = home.groups.write.bind(home.groups);
    let left = 2;
    home.groups.write = (run) => (left-- > 0 ? write(run) : kill());
    await expect(home.filing.file()).rejects.toThrow('killed');
    expect(filed()).toBeGreaterThan(0);
    await home.crash();
    home.open();
    await expectReplay();
    await tellMuch();
    await home.filing.file();
    await expectReplay();
  });
});

describe('a forgotten account', () => {
  const traces = (account: number): number => onDisk().toString('latin1').split(`account${account}.org`).length - 1;

  test('is never replayed, filed or not, and its bytes leave the files', async () => {
    await tellMuch();
    await home.filing.file();
    await tellMuch(10);
    expect(traces(2)).toBeGreaterThan(5);
    await home.forget(2);
    await expectReplay();
    await home.erasure.erase();
    expect([traces(2), traces(1) > 5, home.runs.toErase()]).toEqual([0, true, null]);
    await expectReplay();
    await tellMuch();
    await home.filing.file();
    await home.close();
    home.open();
    await expectReplay();
    await home.forget(1);
    await home.forget(3);
    await home.tell([4]);
    await expectReplay();
    await home.erasure.erase();
    expect([traces(1), traces(3)]).toEqual([0, 0]);
  });

  test('is erased after a crash too, when its bytes were left', async () => {
    await tellMuch();
    await home.filing.file();
    await home.forget(2);
    await home.crash();
    home.open();
    expect(traces(2)).toBeGreaterThan(5);
    await expectReplay();
    await home.erasure.erase();
    expect(traces(2)).toBe(0);
    await expectReplay();
  });

  test.each([['begun', 0], ['added to', 60]])('while it is being filed is filed without, and its bytes are cut off the file that is %s', async (_how, before) => {
    await tellMuch(before);
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
    await expectReplay();
  });

  test('that is forgotten while another is erased is erased too', async () => {
    await tellMuch();
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
    await expectReplay();
  });

  test('while it is being read is not in what was read, and no false alarm is raised', async () => {
    await tellMuch();
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
    await expectReplay();
  });
});

describe('damage', () => {
  beforeEach(async () => {
    await tellMuch();
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

describe('retention', () => {
  test('removes files whole when their newest event is out of the window, then rows, and keeps the newest event', async () => {
    for (let hour = 0; hour < 6; hour++) {
      await tellMuch();
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
    await expectReplay();
    home.clock.advance(2 * windowMs);
    await home.retention.prune();
    expect([home.filePaths, rows(), home.sequencer.oldestSeq()]).toEqual([[], 1, home.sequencer.headSeq()]);
    home.told = home.told.slice(-1);
    await expectReplay();
  });

  test('is not held up for years by a clock that was ahead for a while', async () => {
    await tellMuch();
    await home.filing.file();
    const rightMs = home.clock.nowMs();
    home.clock.setNow(rightMs + 3 * 365 * 86_400_000);
    await tellMuch();
    await home.filing.file();
    home.clock.setNow(rightMs);
    for (let times = 0; times < 12; times++) {
      home.clock.advance(windowMs / 4);
      await tellMuch(20);
      await home.filing.file();
      await home.retention.prune();
    }
    // Twelve times twenty were told over three windows; what is older than one, and its share of a file, is gone.
    const oldest = home.told.find(({ seq }) => seq === home.sequencer.oldestSeq())!;
    expect(home.clock.nowMs() - oldest.atMs).toBeLessThan(2 * windowMs);
    home.told = home.told.filter(({ seq }) => seq >= oldest.seq);
    await expectReplay();
  });

  test('makes a reader who is in a file that goes hear that its place is gone', async () => {
    await tellMuch();
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
});

test('a file that goes by age while it is added to gets no run, and nothing of it is left', async () => {
  await tellMuch();
  await home.filing.file();
  await tellMuch();
  home.clock.advance(windowMs + 1);
  const append = home.files.append.bind(home.files);
  home.files.append = async (...given) => {
    home.files.append = append;
    await append(...given);
    expect(await home.retention.prune()).toBe(home.told.length - 1);
  };
  const head = home.told.at(-1)!;
  await home.filing.file();
  expect([home.filePaths, filed(), rows(), home.faults]).toEqual([[], 0, 1, []]);
  home.told = [head];
  await expectReplay();
});

test.each(['writing', 'naming'])('what a fault in %s leaves is cut off at once, so that it cannot outlive its account', async (where) => {
  await tellMuch();
  const { append } = home.files;
  const { write } = home.groups;
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  if (where === 'naming') home.groups.write = () => Promise.reject(full);
  else home.files.append = async (file, end, pieces) => {
    await append.call(home.files, file, end, pieces.slice(0, 1));
    throw full;
  };
  await expect(home.filing.file()).rejects.toThrow(full);
  expect([home.filePaths, filed()]).toEqual([[], 0]);
  Object.assign(home.files, { append });
  Object.assign(home.groups, { write });
  await home.filing.file();
  await expectReplay();
});

test('what a fault of the disk in naming leaves stays, since the row may come back with a crash', async () => {
  await tellMuch();
  const { write } = home.groups;
  home.groups.write = () => Promise.reject(Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR_FSYNC' }));
  await expect(home.filing.file()).rejects.toThrow('disk I/O error');
  expect(onDisk().equals(home.expected(0).subarray(0, onDisk().length))).toBe(true);
  expect(onDisk().length).toBeGreaterThan(home.runBytes);
  Object.assign(home.groups, { write });
  await home.filing.file();
  await expectReplay();
});

test('what an append left that failed is not behind the next', async () => {
  await home.files.append(1, 0, [Buffer.alloc(100, 1)]);
  await home.files.append(1, 100, [Buffer.alloc(500, 2), Buffer.alloc(500, 3)]);
  await home.files.append(1, 100, [Buffer.alloc(300, 4)]);
  expect(onDisk()).toEqual(Buffer.concat([Buffer.alloc(100, 1), Buffer.alloc(300, 4)]));
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
}, 60_000);
