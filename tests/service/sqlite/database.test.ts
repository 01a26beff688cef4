/** Tests of opening databases: durable, migrated once, refused when newer. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openDatabase } from '@dunlin/service/sqlite/database';
import { temporaryFolder } from '../../harness/temporary.ts';

let folder: { path: string; remove: () => Promise<void> };
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(() => folder.remove());

const first = 'CREATE TABLE host (name TEXT PRIMARY KEY) STRICT';
const second = 'ALTER TABLE host ADD COLUMN seq INTEGER NOT NULL DEFAULT 7';

describe('a database', () => {
  test('is made with its folders, for its owner only, in WAL with full synchronous and foreign keys', () => {
    const path = join(folder.path, 'a/b/test.sqlite');
    const database = openDatabase(path, { migrations: [first] });
    expect(database.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(database.pragma('synchronous', { simple: true })).toBe(2);
    expect(database.pragma('foreign_keys', { simple: true })).toBe(1);
    expect(statSync(join(folder.path, 'a')).mode & 0o777).toBe(0o700);
    database.close();
  });

  test('is migrated step by step, each step once, and keeps its rows', () => {
    const path = join(folder.path, 'test.sqlite');
    const old = openDatabase(path, { migrations: [first] });
    old.prepare<[string], unknown>('INSERT INTO host (name) VALUES (?)').run('pds.example');
    old.close();
    const database = openDatabase(path, { migrations: [first, second] });
    expect(database.prepare<[], { name: string; seq: number }>('SELECT * FROM host').all()).toEqual([{ name: 'pds.example', seq: 7 }]);
    expect(database.pragma('user_version', { simple: true })).toBe(2);
    database.close();
  });

  test('names the file that is damaged, and what helps', () => {
    const path = join(folder.path, 'test.sqlite');
    writeFileSync(path, 'Z'.repeat(4_096));
    expect(() => openDatabase(path, { migrations: [first] })).toThrow(`the database is damaged: ${path}: file is not a database; put a backup in its place`);
  });

  test('keeps nothing of a migration that fails', () => {
    const path = join(folder.path, 'test.sqlite');
    openDatabase(path, { migrations: [first] }).close();
    expect(() => openDatabase(path, { migrations: [first, 'CREATE TABLE x (y TEXT); CREATE TABLE host (again TEXT)'] })).toThrow('already exists');
    const database = openDatabase(path, { migrations: [first] });
    expect(database.prepare('SELECT name FROM sqlite_schema WHERE name = ?').get('x')).toBeUndefined();
    database.close();
  });

  test('of a newer program is refused', () => {
    const path = join(folder.path, 'test.sqlite');
    openDatabase(path, { migrations: [first, second] }).close();
    expect(() => openDatabase(path, { migrations: [first] })).toThrow('database is newer than this program');
  });

  test('can be opened for reading, but not when it still had to be migrated', () => {
    const path = join(folder.path, 'test.sqlite');
    openDatabase(path, { migrations: [first] }).close();
    const reader = openDatabase(path, { migrations: [first], readonly: true });
    expect(() => reader.exec("INSERT INTO host VALUES ('x')")).toThrow('readonly');
    reader.close();
    expect(() => openDatabase(path, { migrations: [first, second], readonly: true })).toThrow('database is older than this program');
  });

  test('lives in memory when asked, and takes further pragmas', () => {
    const database = openDatabase(':memory:', { migrations: [first], pragmas: { cache_size: -1_000 } });
    expect(database.pragma('cache_size', { simple: true })).toBe(-1_000);
    database.close();
  });
});
