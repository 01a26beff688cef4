/** Pages of records: as many as asked for, fewer of large ones, and every record once on the way through all pages. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openDatabase, type Database } from '@dunlin/service/sqlite/database';
import { HeadStore } from '../../../pds/src/repo/head-store.ts';
import { NodeStore } from '../../../pds/src/repo/node-store.ts';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor, cidToBytes, type Cid } from '@dunlin/protocol/data/cid';
import { recordsJson } from '../../../pds/src/api/repo/record-json.ts';
import { maxBlocksBytes, RepoReader } from '../../../pds/src/repo/read.ts';
import { maxPageBytes, maxPageRecords } from '../../../pds/src/repo/record-pages.ts';
import { RecordStore } from '../../../pds/src/repo/record-store.ts';
import { repoSchema } from '../../../pds/src/repo/schema.ts';

let database: Database;
let records: RecordStore;
const collection = 'com.example.thing';
beforeEach(() => {
  database = openDatabase(':memory:', { migrations: [repoSchema] });
  records = new RecordStore(database);
});
afterEach(() => void database.close());

/** A record of exactly so many bytes. */
function put(rkey: string, bytes: number): Cid {
  const head = encode({ b: new Uint8Array(bytes) }).length - bytes;
  const contents = encode({ b: new Uint8Array(bytes - head).fill(rkey.charCodeAt(rkey.length - 1)), });
  const cid = cidForCbor(contents);
  records.put(1, { collection, rkey, cid: cidToBytes(cid), rev: '3k', bytes: contents });
  return cid;
}

interface Listed {
  readonly records: { readonly uri: string }[];
  readonly cursor?: string;
}

function page(o: { cursor?: string | null; reverse?: boolean; limit?: number } = {}): Listed {
  const run = records.list(1, { collection, limit: o.limit ?? maxPageRecords, cursor: o.cursor ?? null, reverse: o.reverse ?? false });
  return JSON.parse(recordsJson({ did: 'did:web:a.example', collection }, run).toString()) as Listed;
}

const keys = ({ records: listed }: Listed): string[] => listed.map(({ uri }) => uri.split('/').at(-1) ?? '');

test('a page of small records has as many as asked for', () => {
  for (let index = 100; index < 201; index++) put(`k${index}`, maxPageBytes / maxPageRecords);
  expect([keys(page()).length, keys(page({ limit: 7 })).length]).toEqual([maxPageRecords, 7]);
});

test('a page of large records has as many as have room, one at least, and none is missed on the way', () => {
  const sizes: [string, number][] = [['a', 10], ['b', maxPageBytes - 60_000], ['c', 60_000], ['d', 1], ['e', maxPageBytes + 1], ['f', 60_000]].map(([key, bytes]) => [String(key), Math.max(100, Number(bytes))]);
  for (const [key, bytes] of sizes) put(key, bytes);
  const pagesOf = (reverse: boolean): string[][] => {
    const found: string[][] = [];
    for (let cursor: string | null = null; ;) {
      const next = page({ cursor, reverse });
      if (next.cursor === undefined) return found;
      found.push(keys(next));
      cursor = next.cursor;
    }
  };
  expect(pagesOf(false)).toEqual([['f'], ['e'], ['d', 'c'], ['b', 'a']]);
  expect(pagesOf(true)).toEqual([['a', 'b'], ['c', 'd'], ['e'], ['f']]);
});

test('blocks may have so many bytes together and no more', async () => {
  const reader = new RepoReader(new HeadStore(database), new NodeStore(database, { cacheBytes: 1_000_000 }), records);
  const never = new AbortController().signal;
  const large = put('a', maxBlocksBytes - 1_000);
  const [fits, over] = [put('b', 1_000), put('c', 1_001)];
  expect((await reader.blocks(1, [large, fits], never)).has(fits)).toBe(true);
  await expect(reader.blocks(1, [large, over], never)).rejects.toMatchObject({ status: 400, message: expect.stringContaining('ask for fewer') });
});
