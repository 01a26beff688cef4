/** Looking for blobs step by step: each once, in order, also where thousands of records name one, or nearly all are old. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { cidForRaw, type Cid } from '@dunlin/protocol/data/cid';
import { openDatabase, type Database } from '@dunlin/service/sqlite/database';
import { BlobStore, usesAtOnce } from '../../../pds/src/blob/blob-store.ts';
import { firstOf } from '../../../pds/src/blob/first-of.ts';
import { blobSchema, blobSchema2 } from '../../../pds/src/blob/schema.ts';

let database: Database;
let blobs: BlobStore;
const collection = 'com.example.thing';
const image = (index: number): Cid => cidForRaw(Buffer.from(`image ${index}`));
const inOrder = (cids: readonly Cid[]): string[] => cids.toSorted((a, b) => Buffer.compare(a.bytes, b.bytes)).map(String);

beforeEach(() => {
  database = openDatabase(':memory:', { migrations: [blobSchema, blobSchema2] });
  blobs = new BlobStore(database);
  database.transaction(() => {
    for (let index = 0; index < 2 * usesAtOnce; index++) blobs.addUse(1, { collection, rkey: `one${index}` }, image(0), '3a');
    for (let index = 1; index <= 300; index++) blobs.addUse(1, { collection, rkey: `k${index}` }, image(index), index % 100 === 0 ? '3c' : '3b');
    blobs.addUse(1, { collection, rkey: 'zzz' }, image(0), '3c');
    blobs.addUse(2, { collection, rkey: 'k' }, image(-1), '3c');
  })();
});
afterEach(() => void database.close());

const search = (sinceRev: string | null, after: Cid | null = null): string[][] => [...blobs.search(1, { after, sinceRev })].map((found) => found.map(String));

test('every blob is found once and in order, in more than one step', () => {
  const found = search(null);
  expect(found.flat()).toEqual(inOrder(Array.from({ length: 301 }, (_, index) => image(index))));
  expect(found.length).toBeGreaterThan(1);
});

test('those that a later revision names are found, however many uses are older', () => {
  expect(search('3b').flat()).toEqual(inOrder([100, 200, 300, 0].map(image)));
  expect(search('3c').flat()).toEqual([]);
});

test('the search goes on behind a blob, and all its uses', () => {
  const all = search(null).flat();
  for (const index of [0, 150, 300]) {
    const at = all.indexOf(image(index).toString());
    expect(search(null, image(index)).flat()).toEqual(all.slice(at + 1));
  }
});

test('those that nobody uploaded are found, each with the first record that names it', () => {
  for (let index = 1; index <= 300; index++) if (index !== 7) blobs.put({ id: 1, did: 'did:web:a.example' }, image(index), { mimeType: 'image/png', size: 1, nowMs: 0 });
  const missing = (after: Cid | null): string[] => [...blobs.searchMissing(1, { after })].flat().map(({ cid, rkey }) => `${cid.toString()} ${rkey}`);
  const both = inOrder([image(0), image(7)]).map((cid) => `${cid} ${cid === image(7).toString() ? 'k7' : 'one0'}`);
  expect(missing(null)).toEqual(both);
  expect(missing(inOrder([image(0), image(7)])[0] === image(0).toString() ? image(0) : image(7))).toEqual(both.slice(1));
});

test('as many as are wanted are taken from the steps, or all there are', async () => {
  const steps = [[1, 2], [], [3]];
  expect(await Promise.all([1, 2, 3, 4].map((limit) => firstOf(steps, limit)))).toEqual([[1], [1, 2], [1, 2, 3], [1, 2, 3]]);
  await expect(firstOf(steps, 3, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
});
