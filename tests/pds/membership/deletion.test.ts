/** Deletion: no table keeps a row of the account, whichever of the two ways it goes by, and tables to come are looked at, too. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import Database from 'better-sqlite3';
import { startSmallPds, type Person, type SmallPds } from '../small-pds.ts';

let small: SmallPds;
let database: Database.Database;
let tables: string[];
beforeAll(async () => {
  small = await startSmallPds();
  database = new Database(join(small.dataDirectory, 'pds.sqlite'));
  tables = database.prepare<[], string>("SELECT m.name FROM sqlite_schema m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = 'account' ORDER BY 1").pluck().all();
});
afterAll(async () => {
  database?.close();
  await small?.close();
});

const idOf = ({ did }: Person): number => database.prepare<[string], number>('SELECT id FROM account WHERE did = ?').pluck().get(did)!;
const rowsOf = (id: number): string[] => tables.filter((name) => database.prepare(`SELECT 1 FROM ${name} WHERE account = ?`).get(id) !== undefined);

/** Puts a row of the account into a table; what it says does not matter here. */
function fill(name: string, id: number): void {
  const columns = database.prepare<[], { name: string; type: string; notnull: number }>(`PRAGMA table_info(${name})`).all().filter(({ name: column, notnull }) => column === 'account' || notnull === 1);
  const filler: Record<string, unknown> = { INTEGER: id, TEXT: `filler ${id}`, BLOB: Buffer.from(`filler ${id}`) };
  database.prepare(`INSERT INTO ${name} (${columns.map((column) => column.name).join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`).run(columns.map((column) => (column.name === 'account' ? id : filler[column.type])));
}

test('nothing of a deleted account is left in any table, and all of another account', async () => {
  const people = [await small.newPerson('gone'), await small.newPerson('stays')] as const;
  for (const { did, token } of people) {
    const { json: { blob } } = await small.call('com.atproto.repo.uploadBlob', { body: Buffer.from(did), token, headers: { 'content-type': 'text/plain' } });
    await small.call('com.atproto.repo.createRecord', { body: { repo: did, collection: 'app.bsky.feed.like', record: { $type: 'app.bsky.feed.like', subject: { uri: `at://${did}/app.bsky.feed.post/1`, cid: 'bafyreiclp443lavogvhj3d2ob2cxbfuscni2k5jk7bebjzg7khl3esabwq' }, createdAt: '2026-01-01T00:00:00Z', blob } }, token });
  }
  const [gone, stays] = people.map(idOf) as [number, number];
  database.pragma('foreign_keys = OFF');
  for (const id of [gone, stays]) for (const name of tables.filter((each) => !rowsOf(id).includes(each))) fill(name, id);
  expect(rowsOf(gone)).toEqual(tables);
  expect((await small.call('com.atproto.admin.deleteAccount', { body: { did: people[0].did }, headers: small.admin })).status).toBe(200);
  // Its last word, by which the network forgets it.
  expect(rowsOf(gone)).toEqual(['event', 'newest_event']);
  expect(rowsOf(stays)).toEqual(tables);
});
