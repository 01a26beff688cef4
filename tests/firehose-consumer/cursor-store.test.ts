/** A cursor on disk is the old one or the new one, never half of one. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { chmod, mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileCursor, memoryCursor } from '../../firehose-consumer/src/cursor-store.ts';
import { temporaryFolder } from '../harness/temporary.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

describe('a file', () => {
  test('gives null before the first save and then what was saved last, also to another process', async () => {
    const path = join(folder.path, 'cursor');
    const store = fileCursor(path);
    expect(await store.load()).toBeNull();
    for (const cursor of [0, 5, Number.MAX_SAFE_INTEGER, 4]) {
      await store.save(cursor);
      expect(await fileCursor(path).load()).toBe(cursor);
    }
    expect(await readFile(path, 'utf8')).toBe('4\n');
    expect(await readdir(folder.path)).toEqual(['cursor']);
  });

  test.each(['', 'x', '-1', '1.5', '1\n2', '99999999999999999999'])('that holds %j is refused, not taken for a beginning', async (text) => {
    const path = join(folder.path, 'cursor');
    await writeFile(path, text);
    await expect(fileCursor(path).load()).rejects.toMatchObject({ code: 'CursorStore', message: `cursor file holds no cursor: ${path}` });
  });

  test('that cannot be read or written is told with its path', async () => {
    const path = join(folder.path, 'taken');
    await mkdir(path);
    await expect(fileCursor(path).load()).rejects.toMatchObject({ code: 'CursorStore', message: `cursor file cannot be read: ${path}` });
    await expect(fileCursor(path).save(1)).rejects.toMatchObject({ code: 'CursorStore', message: `cursor file cannot be written: ${path}` });
    await expect(fileCursor(join(folder.path, 'absent', 'cursor')).save(1)).rejects.toMatchObject({ code: 'CursorStore' });
    expect(await readdir(folder.path)).toEqual(['taken']);
  });

  test('keeps the old cursor when a crash left a half-written new one behind', async () => {
    const path = join(folder.path, 'cursor');
    await fileCursor(path).save(41);
    await writeFile(`${path}.${process.pid}.new`, '4');
    await chmod(`${path}.${process.pid}.new`, 0o600);
    expect(await fileCursor(path).load()).toBe(41);
    await fileCursor(path).save(42);
    expect(await fileCursor(path).load()).toBe(42);
    expect(await readdir(folder.path)).toEqual(['cursor']);
  });
});

test('memory gives what it was given', async () => {
  const store = memoryCursor();
  expect(await store.load()).toBeNull();
  await store.save(3);
  expect(await store.load()).toBe(3);
  expect(await memoryCursor(9).load()).toBe(9);
});
