/** A database from before the trash, brought up to date: blobs that were there count as named once, so that they get their time. */
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { cidForRaw, cidToBytes } from '@dunlin/protocol/data/cid';
import { openDatabase } from '@dunlin/service/sqlite/database';
import { BlobStore } from '../../../pds/src/blob/blob-store.ts';
import { blobSchema2 } from '../../../pds/src/blob/schema.ts';
import { TrashStore } from '../../../pds/src/blob/trash-store.ts';
import { pdsMigrations } from '../../../pds/src/wiring/stores.ts';
import { temporaryFolder } from '../../harness/temporary.ts';

test('blobs of an earlier database keep their rows, and get their time in the trash', async () => {
  const folder = await temporaryFolder();
  const path = join(folder.path, 'pds.sqlite');
  const cid = cidForRaw(Buffer.from('from before'));
  const earlier = openDatabase(path, { migrations: pdsMigrations.slice(0, pdsMigrations.indexOf(blobSchema2)) });
  earlier.prepare('INSERT INTO blob (account, cid, mime_type, size, unused_since) VALUES (7, ?, ?, 11, 1)').run(cidToBytes(cid), 'text/plain');
  earlier.close();
  const database = openDatabase(path, { migrations: pdsMigrations });
  try {
    const [blobs, trash] = [new BlobStore(database), new TrashStore(database)];
    expect(blobs.find(7, cid)).toEqual({ mimeType: 'text/plain', size: 11, takedownRef: null, unusedSinceMs: 1 });
    trash.move({ id: 7, did: 'did:web:x.org' }, cid, { nowMs: 1_000, trashMs: 500 });
    expect(blobs.find(7, cid)).toBeNull();
    const trashed = { did: 'did:web:x.org', cid, mimeType: 'text/plain', size: 11, takedownRef: null, trashedAtMs: 1_000, removeAtMs: 1_500 };
    expect(trash.due({ nowMs: 1_499, limit: 10, skip: 0 })).toEqual([]);
    expect(trash.due({ nowMs: 1_500, limit: 10, skip: 0 })).toEqual([trashed]);
    expect(trash.due({ nowMs: 1_500, limit: 10, skip: 1 })).toEqual([]);
    trash.restore({ id: 9, did: 'did:web:x.org' }, cid, 2_000);
    expect([blobs.find(9, cid)?.unusedSinceMs, trash.find('did:web:x.org', cid)]).toEqual([2_000, null]);
  } finally {
    database.close();
    await folder.remove();
  }
});
