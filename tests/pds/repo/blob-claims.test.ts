/** What records say of blobs may go on being said; how many are looked into for it is bounded. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor, cidForRaw, cidToBytes } from '@dunlin/protocol/data/cid';
import { openDatabase, type Database } from '@dunlin/service/sqlite/database';
import { BlobStore } from '../../../pds/src/blob/blob-store.ts';
import { blobSchema, blobSchema2 } from '../../../pds/src/blob/schema.ts';
import { BlobClaims, maxAskedBytes, maxOthersAsked } from '../../../pds/src/repo/blob-claims.ts';
import { RecordStore } from '../../../pds/src/repo/record-store.ts';
import { repoSchema } from '../../../pds/src/repo/schema.ts';

let database: Database;
let blobs: BlobStore;
let records: RecordStore;
const collection = 'com.example.gallery';
const image = cidForRaw(new Uint8Array([1]));
beforeEach(() => {
  database = openDatabase(':memory:', { migrations: [repoSchema, blobSchema, blobSchema2] });
  blobs = new BlobStore(database);
  records = new RecordStore(database);
});
afterEach(() => void database.close());

/** A record that says of the image that it has such a type. */
function put(rkey: string, mimeType: string, padding = 0): void {
  const bytes = encode({ images: [{ image: { $type: 'blob', ref: image, mimeType, size: 1 } }], padding: new Uint8Array(padding) });
  records.put(1, { collection, rkey, cid: cidToBytes(cidForCbor(bytes)), rev: '3k', bytes });
  blobs.addUse(1, { collection, rkey }, image, '3k');
}

const claims = (): BlobClaims => new BlobClaims(1, { blobs, records });
const said = (mimeType: string, rkey: string, size = 1): boolean => claims().isSaid({ cid: image, mimeType, size }, { collection, rkey });
const key = (index: number): string => String(index).padStart(3, '0');

test('a record says what it says, here and elsewhere, and nothing else', () => {
  put('a', 'image/png');
  expect(said('image/png', 'a')).toBe(true);
  expect(said('image/png', 'new')).toBe(true);
  expect(said('image/jpeg', 'a')).toBe(false);
  expect(said('image/png', 'a', 2)).toBe(false);
  expect(new BlobClaims(2, { blobs, records }).isSaid({ cid: image, mimeType: 'image/png', size: 1 }, { collection, rkey: 'a' })).toBe(false);
});

test('so many other records are asked and no more; the one that is replaced is always', () => {
  for (let i = 0; i < maxOthersAsked; i++) put(key(i), i === maxOthersAsked - 1 ? 'image/png' : 'image/gif');
  expect(said('image/png', 'new')).toBe(true);
  put(key(maxOthersAsked), 'image/webp');
  expect(said('image/webp', 'new')).toBe(false);
  expect(said('image/webp', key(maxOthersAsked))).toBe(true);
});

test('no more are asked when those before had so many bytes', () => {
  put('a', 'image/gif', maxAskedBytes - 10_000);
  put('b', 'image/png');
  put('c', 'image/gif', 10_000);
  put('d', 'image/webp');
  expect(said('image/png', 'new')).toBe(true);
  expect(said('image/webp', 'new')).toBe(false);
});

test('what was asked is remembered for the write, and the bounds are of the write', () => {
  for (let i = 0; i < maxOthersAsked; i++) put(key(i), 'image/gif');
  const asked = claims();
  const isSaid = (mimeType: string, rkey: string): boolean => asked.isSaid({ cid: image, mimeType, size: 1 }, { collection, rkey });
  expect(isSaid('image/png', 'new')).toBe(false);
  put('zzz', 'image/png');
  expect(isSaid('image/gif', 'new')).toBe(true);
  expect(isSaid('image/png', 'new')).toBe(false);
  expect(isSaid('image/png', 'zzz')).toBe(true);
});
