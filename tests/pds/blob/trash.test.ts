/** The end of blobs in a folder, and the way back: collected, deleted with their account, restored, uploaded again, purged. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { cidForRaw } from '@dunlin/protocol/data/cid';
import { adminPdsCommand } from '../../../cli/src/admin-pds.ts';
import { eventually } from '../../harness/wait.ts';
import { startSmallPds, type Answer, type Person, type SmallPds } from '../small-pds.ts';

const [minute, hour] = [60_000, 3_600_000];
const clock = new ManualClock(Date.UTC(2026, 10, 24));
let small: SmallPds;
let who: Person;
let people = 0;
beforeAll(async () => {
  small = await startSmallPds({ clock, environment: { PDS_BLOB_UNUSED_GRACE: '1h', PDS_BLOB_TRASH_TIME: '5h' } });
});
afterAll(() => small.close());
beforeEach(async () => {
  who = await small.newPerson(`person${people++}`);
});

const upload = (text: string): Promise<Answer> => small.call('com.atproto.repo.uploadBlob', { body: text, headers: { 'content-type': 'text/plain' }, token: who.token });
const name = (rkey: string, blobs: unknown[]): Promise<Answer> =>
  small.call('com.atproto.repo.putRecord', { body: { repo: who.did, collection: 'com.example.file', rkey, record: { blobs } }, token: who.token });
const served = async (cid: string): Promise<boolean> => (await small.call('com.atproto.sync.getBlob', { params: { did: who.did, cid } })).status === 200;
const cidOf = (text: string): string => cidForRaw(Buffer.from(text)).toString();
const isThere = (text: string, { did } = who): boolean => existsSync(join(small.dataDirectory, 'blobs', did, cidOf(text)));
const remove = ({ did } = who): Promise<Answer> => small.call('com.atproto.admin.deleteAccount', { body: { did }, headers: small.admin });
const signIn = async (): Promise<void> => {
  const { json } = await small.call('com.atproto.server.createSession', { body: { identifier: who.did, password: `person${people - 1} password` } });
  who.token = String(json['accessJwt']);
};

async function run(...args: string[]): Promise<Record<string, unknown>[]> {
  const lines: string[] = [];
  const command = adminPdsCommand({ write: (line) => void lines.push(line), env: { PDS_DATA_DIRECTORY: small.dataDirectory, PDS_ADMIN_PASSWORD: 'operator' } });
  await command.parseAsync(['--url', small.url, '--json', 'blob', ...args], { from: 'user' }).catch((fault: unknown) => void lines.push(JSON.stringify({ thrown: (fault as Error).message })));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}
const trashed = async ({ did } = who): Promise<unknown[]> => (await run('trash', did)).map(({ cid }) => cid);

/** Uploads and names a blob, and lets go of it until it is in the trash. */
async function throwAway(text: string): Promise<void> {
  await name('x', [(await upload(text)).json['blob']]);
  await name('x', []);
  clock.advance(hour + 10 * minute);
  await eventually('it is in the trash', async () => (await trashed()).includes(cidOf(text)));
  await signIn();
}

describe('a blob that no record names any more', () => {
  test('is in the trash after the grace, with its bytes, until its time is over and not before', async () => {
    await throwAway('let go');
    expect([await served(cidOf('let go')), isThere('let go')]).toEqual([false, true]);
    const [row] = await run('trash', who.did);
    const trashedAt = Date.parse(String(row?.['trashedAt']));
    expect(row).toEqual({ did: who.did, cid: cidOf('let go'), mimeType: 'text/plain', size: 6, trashedAt: expect.any(String), removeAt: new Date(trashedAt + 5 * hour).toISOString() });
    await throwAway('later');
    clock.advance(trashedAt + 5 * hour - clock.nowMs());
    await eventually('the first is removed', async () => !isThere('let go') && !(await trashed()).includes(cidOf('let go')));
    expect([isThere('later'), await trashed()]).toEqual([true, [cidOf('later')]]);
  });

  test('comes back when it is restored, or uploaded again', async () => {
    await throwAway('restored');
    expect(await run('restore', who.did)).toEqual([{ did: who.did, done: 1, failed: 0 }]);
    await name('y', [{ $type: 'blob', ref: { $link: cidOf('restored') }, mimeType: 'text/plain', size: 8 }]);
    expect(await served(cidOf('restored'))).toBe(true);
    await throwAway('uploaded again');
    await name('z', [(await upload('uploaded again')).json['blob']]);
    expect(await trashed()).toEqual([]);
    clock.advance(10 * hour);
    await eventually('it is served after all its times', () => served(cidOf('uploaded again')));
    expect(await served(cidOf('restored'))).toBe(true);
  });

  test('has no time in the trash when none ever named it', async () => {
    await upload('of no use');
    expect(isThere('of no use')).toBe(true);
    clock.advance(hour + 10 * minute);
    await eventually('it is removed', async () => !isThere('of no use') && (await trashed()).length === 0);
  });

  test('that cannot be restored is said to be so', async () => {
    await throwAway('damaged');
    await writeFile(join(small.dataDirectory, 'blobs', who.did, cidOf('damaged')), 'too short');
    const told = await run('restore', who.did, cidOf('damaged'), cidOf('never seen'));
    expect(told).toEqual([
      { failed: cidOf('damaged'), reason: 'its bytes are gone' }, { failed: cidOf('never seen'), reason: 'blob is not in the trash' },
      { did: who.did, done: 0, failed: 2 }, { thrown: '2 blobs are as they were' },
    ]);
  });
});

describe('the blobs of a deleted account', () => {
  test('are in the trash under its DID, and can be purged at once', async () => {
    for (const text of ['first', 'second']) await name(text, [(await upload(text)).json['blob']]);
    expect((await remove()).status).toBe(200);
    expect([new Set(await trashed()), isThere('first'), await served(cidOf('first'))]).toEqual([new Set([cidOf('first'), cidOf('second')]), true, false]);
    expect((await run('restore', who.did)).at(-1)).toEqual({ thrown: `Account not found: ${who.did}` });
    expect(await run('purge', '--yes', who.did, cidOf('first'))).toEqual([{ did: who.did, done: 1, failed: 0 }]);
    expect([isThere('first'), isThere('second')]).toEqual([false, true]);
    expect(await run('purge', '--yes', who.did)).toEqual([{ did: who.did, done: 1, failed: 0 }]);
    expect([isThere('second'), await trashed()]).toEqual([false, []]);
  });

  test('are purged with it when the operator says so', async () => {
    await name('x', [(await upload('at once')).json['blob']]);
    const lines: string[] = [];
    const command = adminPdsCommand({ write: (line) => void lines.push(line), env: { PDS_DATA_DIRECTORY: small.dataDirectory, PDS_ADMIN_PASSWORD: 'operator' } });
    await command.parseAsync(['--url', small.url, '--json', 'account', 'delete', who.did, '--yes', '--purge-blobs'], { from: 'user' });
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([{ did: who.did }, { did: who.did, done: 1, failed: 0 }]);
    expect([isThere('at once'), await trashed()]).toEqual([false, []]);
  });

  test('are gone with it where the trash has no time', async () => {
    const hard = await startSmallPds({ environment: { PDS_BLOB_TRASH_TIME: '0' } });
    try {
      const bob = await hard.newPerson('bob');
      const { json } = await hard.call('com.atproto.repo.uploadBlob', { body: 'soon gone', headers: { 'content-type': 'text/plain' }, token: bob.token });
      await hard.call('com.atproto.repo.putRecord', { body: { repo: bob.did, collection: 'com.example.file', rkey: 'x', record: { blob: json['blob'] } }, token: bob.token });
      const path = join(hard.dataDirectory, 'blobs', bob.did, cidOf('soon gone'));
      expect(existsSync(path)).toBe(true);
      await hard.call('com.atproto.admin.deleteAccount', { body: { did: bob.did }, headers: hard.admin });
      await eventually('it is gone', () => !existsSync(path));
    } finally {
      await hard.close();
    }
  });
});

test('a blob in service is purged only when it was taken down, and is refused for ever after', async () => {
  await name('bad', [(await upload('unlawful')).json['blob']]);
  const cid = cidOf('unlawful');
  expect((await run('purge', '--yes', who.did, cid))[0]).toEqual({ failed: cid, reason: 'blob is in service: take it down first' });
  const subject = { $type: 'com.atproto.admin.defs#repoBlobRef', did: who.did, cid };
  await small.call('com.atproto.admin.updateSubjectStatus', { body: { subject, takedown: { applied: true } }, headers: small.admin });
  expect(isThere('unlawful')).toBe(true);
  expect(await run('purge', '--yes', who.did, cid)).toEqual([{ did: who.did, done: 1, failed: 0 }]);
  expect(isThere('unlawful')).toBe(false);
  expect((await upload('unlawful')).json['message']).toBe('Blob has been takendown, cannot re-upload');
  expect(isThere('unlawful')).toBe(false);
});

describe('the methods', () => {
  test.each<[string, object | undefined]>([['listBlobTrash', undefined], ['reviewBlobTrash', undefined], ['restoreBlobs', { did: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa' }], ['purgeBlobs', { did: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa' }]])('%s is the operator\'s alone', async (method, body) => {
    expect((await small.call(`app.dunlin.admin.${method}`, { ...(body && { body }), token: who.token })).status).toBe(401);
  });

  test('list page by page, over accounts and within one', async () => {
    for (const text of ['a', 'b', 'c']) await name(text, [(await upload(text)).json['blob']]);
    await remove();
    const all = (await run('trash')).map(({ cid }) => cid);
    const pages = async (params: Record<string, string>): Promise<unknown[]> => {
      const seen: unknown[] = [];
      for (let cursor: string | undefined = undefined; ;) {
        const { json }: Answer = await small.call('app.dunlin.admin.listBlobTrash', { params: { limit: 1, ...params, ...(cursor !== undefined && { cursor }) }, headers: small.admin });
        seen.push(...(json['blobs'] as { cid: string }[]).map(({ cid }) => cid));
        cursor = json['cursor'] as string | undefined;
        if (cursor === undefined) return seen;
      }
    };
    expect(await pages({})).toEqual(all);
    expect(await pages({ did: who.did })).toEqual(await trashed());
    expect(await trashed()).toHaveLength(3);
    expect((await small.call('app.dunlin.admin.listBlobTrash', { params: { cursor: 'x' }, headers: small.admin })).json['message']).toBe('Malformed cursor');
  });

  test('sum it up account by account, page by page, and empty all of it', async () => {
    await throwAway('a word');
    const { did, token } = await small.newPerson('another');
    const { json } = await small.call('com.atproto.repo.uploadBlob', { body: Buffer.from('four'), headers: { 'content-type': 'text/plain' }, token });
    await small.call('com.atproto.repo.createRecord', { body: { repo: did, collection: 'com.example.file', record: { $type: 'com.example.file', blob: json['blob'] } }, token });
    await small.call('com.atproto.admin.deleteAccount', { body: { did }, headers: small.admin });
    const rows = await run('trash', '--accounts');
    const dids = rows.map((row) => String(row['did']));
    expect(dids).toEqual(dids.toSorted());
    expect(dids).toEqual(expect.arrayContaining([did, who.did]));
    expect(rows.find((row) => row['did'] === did)).toEqual({ did, blobs: 1, bytes: 4, firstRemoveAt: expect.any(String) });
    expect(rows.find((row) => row['did'] === who.did)).toMatchObject({ handle: expect.stringMatching(/\.test$/), blobs: 1, bytes: 6 });
    const page = await small.call('app.dunlin.admin.reviewBlobTrash', { params: { limit: 1 }, headers: small.admin });
    expect(page.json).toEqual({ cursor: dids[0], accounts: [rows[0]] });
    expect((await small.call('app.dunlin.admin.reviewBlobTrash', { params: { limit: 1, cursor: dids.at(-1) ?? '' }, headers: small.admin })).json).toEqual({ accounts: [] });
    await run('empty-trash', '--yes');
    expect(await run('trash')).toEqual([]);
  });
});
