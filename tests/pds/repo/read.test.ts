/** Blocks by their CIDs: records are looked for step by step, wherever they stand, and only so many askers wait. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor, cidToBytes, type Cid } from '@dunlin/protocol/data/cid';
import { openDatabase, type Database } from '@dunlin/service/sqlite/database';
import { HeadStore } from '../../../pds/src/repo/head-store.ts';
import { NodeStore } from '../../../pds/src/repo/node-store.ts';
import { maxSearchesWaiting, RepoReader } from '../../../pds/src/repo/read.ts';
import { RecordStore, searchedAtOnce } from '../../../pds/src/repo/record-store.ts';
import { repoSchema } from '../../../pds/src/repo/schema.ts';

let database: Database;
let reader: RepoReader;
const never = new AbortController().signal;
const block = (index: number): { cid: Cid; bytes: Uint8Array } => {
  const bytes = encode({ index });
  return { cid: cidForCbor(bytes), bytes };
};

beforeEach(() => {
  database = openDatabase(':memory:', { migrations: [repoSchema] });
  const records = new RecordStore(database);
  reader = new RepoReader(new HeadStore(database), new NodeStore(database, { cacheBytes: 1_000_000 }), records);
  const put = (account: number, index: number, collection = 'com.example.thing'): void => {
    const { cid, bytes } = block(index);
    records.put(account, { collection, rkey: String(index).padStart(6, '0'), cid: cidToBytes(cid), rev: '3k', bytes });
  };
  database.transaction(() => {
    for (let index = 0; index < 2 * searchedAtOnce; index++) put(1, index);
    put(1, 0, 'zone.example.thing');
    put(2, -1);
  })();
});
afterEach(() => void database.close());

test('records are found wherever they stand, and nobody else\'s', async () => {
  const wanted = [0, searchedAtOnce - 1, searchedAtOnce, 2 * searchedAtOnce - 1, 2 * searchedAtOnce, -1].map(block);
  const found = await reader.blocks(1, wanted.map(({ cid }) => cid), never);
  expect(wanted.map(({ cid }) => found.has(cid))).toEqual([true, true, true, true, false, false]);
  expect(Buffer.from(found.get(wanted[3]!.cid)!).equals(wanted[3]!.bytes)).toBe(true);
  expect((await reader.blocks(3, [block(0).cid], never)).has(block(0).cid)).toBe(false);
});

test('others have their turn while records are looked through', async () => {
  let turns = 0;
  const count = (): void => {
    turns++;
    again = setImmediate(count);
  };
  let again = setImmediate(count);
  await reader.blocks(1, [block(-2).cid], never);
  clearImmediate(again);
  expect(turns).toBeGreaterThanOrEqual(2);
});

test('so many wait and no more, and who went away is not searched for', async () => {
  const gone = new AbortController();
  const search = (signal: AbortSignal): Promise<unknown> => reader.blocks(1, [block(-2).cid], signal);
  const first = search(gone.signal);
  const waiting = Array.from({ length: maxSearchesWaiting }, () => search(never));
  await expect(search(never)).rejects.toMatchObject({ status: 503, error: 'NotEnoughResources' });
  gone.abort(new Error('went away'));
  await expect(first).rejects.toThrow('went away');
  expect(await Promise.all(waiting)).toHaveLength(maxSearchesWaiting);
});

test('the records of a revision are counted once, those of no revision each time', () => {
  const heads = new HeadStore(database);
  const head = (rev: string) => ({ cid: block(0).cid, data: block(0).cid, rev });
  expect(reader.counts(2)).toEqual({ records: 1, blocks: 2 });
  database.exec("INSERT INTO record SELECT account, 'zone.example.thing', rkey, cid, rev, NULL, bytes FROM record WHERE account = 2");
  expect(reader.counts(2)).toEqual({ records: 2, blocks: 2 });
  heads.set(2, head('3k'), block(0).bytes);
  expect(reader.counts(2)).toEqual({ records: 2, blocks: 2 });
  database.exec('DELETE FROM record WHERE account = 2');
  expect(reader.counts(2)).toEqual({ records: 2, blocks: 2 });
  heads.set(2, head('3l'), block(0).bytes);
  expect(reader.counts(2)).toEqual({ records: 0, blocks: 1 });
});
