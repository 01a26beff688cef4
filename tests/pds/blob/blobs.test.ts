/** Blobs in a folder: their life, and the bound of what no record names. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { startSmallPds, type Answer } from '../small-pds.ts';
import { describeBlobLife } from './blob-life.ts';

describeBlobLife({
  environment: () => ({}),
  isThere: (small, did, cid) => Promise.resolve(existsSync(join(small.dataDirectory, 'blobs', did, cid))),
});

test('what no record names is bounded by account, to the byte', async () => {
  const tight = await startSmallPds({ environment: { PDS_BLOB_UNUSED_LIMIT: '100' } });
  try {
    const bob = await tight.newPerson('bob');
    const send = (bytes: number, fill: number): Promise<Answer> => tight.call('com.atproto.repo.uploadBlob', { body: Buffer.alloc(bytes, fill), headers: { 'content-type': 'text/plain' }, token: bob.token });
    const first = await send(60, 1);
    expect([first.status, (await send(41, 2)).json['error'], (await send(40, 3)).status, (await send(1, 4)).status]).toEqual([200, 'RateLimitExceeded', 200, 429]);
    const record = { blobs: [first.json['blob']] };
    await tight.call('com.atproto.repo.putRecord', { body: { repo: bob.did, collection: 'com.example.file', rkey: 'one', record }, token: bob.token });
    expect((await send(60, 5)).status).toBe(200);
  } finally {
    await tight.close();
  }
});
