/**
 * Blobs in a bucket: our PDS against a real S3 server on loopback that checks every signature, well, slow, broken and gone.
 * What is the same in a folder is tested in tests/pds/blob; here is what a bucket makes different.
 */
import { mkdir, readdir } from 'node:fs/promises';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ManualClock, systemClock } from '@dunlin/protocol/base/clock';
import { cidForRaw } from '@dunlin/protocol/data/cid';
import { silentLogger } from '@dunlin/service/log/logger';
import { adminPdsCommand } from '../../cli/src/admin-pds.ts';
import { runDoctor } from '../../cli/src/doctor.ts';
import type { Finding } from '../../cli/src/doctor/finding.ts';
import { readPdsConfig } from '../../pds/src/config.ts';
import { startPds } from '../../pds/src/pds.ts';
import { freePort, temporaryFolder } from '../harness/temporary.ts';
import { eventually } from '../harness/wait.ts';
import { startSmallPds, type Answer, type Person, type SmallPds } from '../pds/small-pds.ts';
import { s3Key, s3Settings, startS3, type S3Server } from './s3-server.ts';

const mebibyte = 1024 * 1024;
const hour = 3_600_000;
const clock = new ManualClock(Date.now());
let s3: S3Server;
let small: SmallPds;
let alice: Person;

const bucket = (more: Record<string, string> = {}): Record<string, string> => s3Settings(s3, more);
beforeAll(async () => {
  s3 = await startS3();
  small = await startSmallPds({ clock, environment: bucket({ PDS_BLOB_UPLOAD_LIMIT: String(100 * mebibyte), PDS_BLOB_UNUSED_GRACE: '1h', PDS_BLOB_TRASH_TIME: '2h' }) });
  alice = await small.newPerson('alice');
});
afterAll(async () => {
  await small.close();
  await s3.close();
});
beforeEach(() => {
  s3.trouble = () => null;
  s3.asked.length = 0;
});

const upload = (bytes: Buffer, on = small, { token } = alice): Promise<Answer> => on.call('com.atproto.repo.uploadBlob', { body: bytes, headers: { 'content-type': 'text/plain' }, token });
const put = (rkey: string, blobs: unknown[], on = small, { did, token } = alice): Promise<Answer> =>
  on.call('com.atproto.repo.putRecord', { body: { repo: did, collection: 'com.example.file', rkey, record: { blobs } }, token });
const get = (cid: string, more: object = {}, on = small, { did } = alice): Promise<Answer> => on.call('com.atproto.sync.getBlob', { params: { did, cid }, ...more });
const cidOf = (bytes: Buffer): string => cidForRaw(bytes).toString();
const keyOf = (bytes: Buffer, { did } = alice, prefix = ''): string => `${prefix}blocks/${did}/${cidOf(bytes)}`;
const waiting = (): Promise<string[]> => readdir(join(small.dataDirectory, 'blobs-temp'));

/** Uploads and names a blob. */
async function store(text: string, on = small, person = alice): Promise<Buffer> {
  const bytes = Buffer.from(text);
  const { json } = await upload(bytes, on, person);
  expect((await put(cidOf(bytes).slice(-12), [json['blob']], on, person)).status).toBe(200);
  return bytes;
}

async function run(env: Record<string, string>, ...args: string[]): Promise<Record<string, unknown>[]> {
  const lines: string[] = [];
  await adminPdsCommand({ write: (line) => void lines.push(line), env }).parseAsync(['--url', small.url, '--admin-password', 'operator', '--json', ...args], { from: 'user' });
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}
const administer = (...args: string[]): Promise<Record<string, unknown>[]> => run({ ...bucket(), PDS_DATA_DIRECTORY: small.dataDirectory }, ...args);

describe('a blob in a bucket', () => {
  test('lies where the reference would put it, and is served whole and in parts', async () => {
    const bytes = await store('0123456789');
    const cid = cidOf(bytes);
    expect(await s3.keys()).toEqual([keyOf(bytes)]);
    expect(await waiting()).toEqual([]);
    const whole = await get(cid);
    expect([whole.status, whole.bytes.toString(), whole.headers.get('etag'), whole.headers.get('content-security-policy')]).toEqual([200, '0123456789', `"${cid}"`, "default-src 'none'; sandbox"]);
    const ask = async (range: string): Promise<unknown[]> => {
      const answer = await get(cid, { headers: { range } });
      return [answer.status, answer.bytes.toString(), answer.headers.get('content-range')];
    };
    expect(await ask('bytes=2-4')).toEqual([206, '234', 'bytes 2-4/10']);
    expect(await ask('bytes=-3')).toEqual([206, '789', 'bytes 7-9/10']);
    expect(await ask('bytes=10-')).toEqual([416, '', 'bytes */10']);
    s3.asked.length = 0;
    expect((await get(cid, { headers: { 'if-none-match': `"${cid}"` } })).status).toBe(304);
    expect(s3.asked).toEqual([]);
    const head = await get(cid, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '10']);
  });

  test('may be empty', async () => {
    const bytes = await store('');
    expect((await get(cidOf(bytes))).bytes).toHaveLength(0);
  });

  test('goes up in one piece up to 64 MiB, and in parts above, of which one may fail and come again', async () => {
    const [largest, larger] = [Buffer.alloc(64 * mebibyte, 'one'), Buffer.alloc(64 * mebibyte + 1, 'parts')];
    const first = await upload(largest);
    expect([first.status, s3.asked.map((asked) => asked.split(' ')[0])]).toEqual([200, ['PUT']]);
    s3.asked.length = 0;
    let failures = 0;
    s3.trouble = (asked) => (asked.includes('partNumber=2') && failures++ < 2 ? 503 : null);
    const second = await upload(larger);
    expect(second.status).toBe(200);
    expect(s3.asked.map((asked) => /partNumber=\d+|\?uploads|^POST(?!.*uploads)/.exec(asked)?.[0])).toEqual(['?uploads', ...[1, 2, 2, 2, 3, 4, 5].map((part) => `partNumber=${part}`), 'POST']);
    expect((await put('large', [second.json['blob']])).status).toBe(200);
    const served = await get(cidOf(larger));
    expect(served.bytes.equals(larger)).toBe(true);
    expect(await waiting()).toEqual([]);
  });

  test('that cannot be brought up in parts is given up, and its parts too', async () => {
    const bytes = Buffer.alloc(64 * mebibyte + 1, 'in vain');
    s3.trouble = (asked) => (asked.includes('partNumber=3') ? 403 : null);
    expect((await upload(bytes)).json).toMatchObject({ error: 'BlobStorageUnavailable' });
    expect(s3.asked.some((asked) => asked.startsWith('DELETE') && asked.includes('uploadId='))).toBe(true);
    expect(await s3.keys()).not.toContain(keyOf(bytes));
    expect(await waiting()).toEqual([]);
  });
});

describe('a bucket in trouble', () => {
  test('is asked three times, and an upload is answered only when it said yes', async () => {
    const bytes = Buffer.from('at the third time');
    let tries = 0;
    s3.trouble = () => (tries++ < 2 ? 503 : null);
    expect((await upload(bytes)).status).toBe(200);
    expect(tries).toBe(3);
    tries = 0;
    s3.trouble = () => (tries++ < 3 ? 503 : null);
    const refused = await upload(Buffer.from('not at the fourth'));
    expect([refused.status, refused.json['error'], refused.headers.get('retry-after'), tries]).toEqual([503, 'BlobStorageUnavailable', '10', 3]);
    tries = 0;
    s3.trouble = () => (tries++ === 0 ? 403 : null);
    expect([(await upload(Buffer.from('no is no'))).status, tries]).toEqual([503, 1]);
  });

  test('that is gone refuses uploads and reads with a name, loses nothing, and all goes on when it is back', async () => {
    const bytes = await store('here before');
    await s3.stop();
    const late = Buffer.from('too late');
    for (const answer of [await upload(late), await get(cidOf(bytes)), await get(cidOf(bytes), { method: 'HEAD' })]) expect(answer.status).toBe(503);
    expect((await upload(late)).json).toEqual({ error: 'BlobStorageUnavailable', message: 'blobs cannot be stored or read at the moment, try again later' });
    expect((await put('late', [{ $type: 'blob', ref: { $link: cidOf(late) }, mimeType: 'text/plain', size: late.length }])).json['error']).toBe('BlobNotFound');
    expect(await waiting()).toEqual([]);
    await s3.start();
    expect((await get(cidOf(bytes))).bytes.equals(bytes)).toBe(true);
    expect((await upload(late)).status).toBe(200);
  });

  test('that breaks off in the middle of an answer breaks off ours', async () => {
    const bytes = await store('x'.repeat(200_000));
    s3.trouble = (asked) => (asked.startsWith('GET') ? 'cut' : null);
    await expect(get(cidOf(bytes))).rejects.toThrow();
    s3.trouble = () => null;
    expect((await get(cidOf(bytes))).bytes.equals(bytes)).toBe(true);
  });

  test('that is silent is waited for as long as it was set, not longer', async () => {
    const hasty = await startSmallPds({ environment: bucket({ PDS_BLOBSTORE_S3_KEY_PREFIX: 'hasty', PDS_BLOBSTORE_S3_UPLOAD_TIMEOUT_MS: '300', PDS_BLOBSTORE_S3_REQUEST_TIMEOUT_MS: '300' }) });
    try {
      const bob = await hasty.newPerson('bob');
      s3.trouble = () => 'silence';
      expect((await upload(Buffer.from('hello?'), hasty, bob)).status).toBe(503);
    } finally {
      await hasty.close();
    }
  });

  test('gets nothing of an upload that was broken off', async () => {
    const { hostname, port } = new URL(small.url);
    const socket = connect(Number(port), hostname);
    socket.write(`POST /xrpc/com.atproto.repo.uploadBlob HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${alice.token}\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\nonly so much`);
    await eventually('the upload has begun', async () => (await waiting()).length === 1);
    socket.destroy();
    await eventually('nothing is left of it', async () => (await waiting()).length === 0);
    expect(s3.asked).toEqual([]);
  });
});

describe('a start', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  beforeAll(async () => {
    folder = await temporaryFolder();
  });
  afterAll(() => folder.remove());
  const environment = (more: Record<string, string>): Record<string, string> => ({
    PDS_HOSTNAME: 'localhost', PDS_PORT: '0', PDS_DATA_DIRECTORY: folder.path, PDS_DID_PLC_URL: 'http://localhost:9', PDS_DEV_MODE: 'true', ...bucket(more),
  });

  test.each<[string, Record<string, string>, string, string]>([
    ['a wrong secret', { PDS_BLOBSTORE_S3_SECRET_ACCESS_KEY: 'another secret entirely' }, 'bucket answered 403 SignatureDoesNotMatch', 'PDS_BLOBSTORE_S3_SECRET_ACCESS_KEY'],
    ['a key nobody knows', { PDS_BLOBSTORE_S3_ACCESS_KEY_ID: 'nobody' }, 'bucket answered 403 InvalidAccessKeyId', 'PDS_BLOBSTORE_S3_ACCESS_KEY_ID'],
    ['a bucket that is not there', { PDS_BLOBSTORE_S3_BUCKET: 'elsewhere' }, 'bucket answered 404 NoSuchBucket', 'PDS_BLOBSTORE_S3_BUCKET'],
  ])('with %s is refused, and the doctor says what to do, neither naming a secret', async (_what, more, reason, setting) => {
    const refused = await startPds(readPdsConfig(environment(more)), { log: silentLogger }).catch((fault: unknown) => fault as Error);
    expect(String(refused)).toContain(`blobs cannot be stored: ${reason}`);
    const lines: string[] = [];
    await runDoctor({ json: true, machine: true }, { write: (line) => void lines.push(line), env: environment(more), clock: systemClock });
    const finding = lines.map((line) => JSON.parse(line) as Finding).find(({ check }) => check === 'blobs');
    expect(finding).toMatchObject({ state: 'fail', found: expect.stringContaining(reason), advice: expect.stringContaining(setting) });
    expect(String(refused) + lines.join('')).not.toMatch(/secret/);
  });

  test('with the passing key of a role is let in, its token signed along', async () => {
    const { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey } = s3Key;
    const asked: (string | undefined)[] = [];
    const role = createServer((request, response) => {
      asked.push(request.headers.authorization);
      response.end(JSON.stringify({ AccessKeyId, SecretAccessKey, Token: 'a passing token', Expiration: new Date(Date.now() + 3_600_000).toISOString() }));
    });
    await new Promise<void>((resolve) => void role.listen(0, '127.0.0.1', resolve));
    try {
      const { PDS_BLOBSTORE_S3_ACCESS_KEY_ID: _id, PDS_BLOBSTORE_S3_SECRET_ACCESS_KEY: _secret, ...others } = environment({ PDS_BLOBSTORE_S3_CREDENTIALS: 'container' });
      const pds = await startPds(readPdsConfig({ ...others, AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${(role.address() as AddressInfo).port}/key`, AWS_CONTAINER_AUTHORIZATION_TOKEN: 'who we are' }), { log: silentLogger });
      await pds.close();
      expect(asked).toEqual(['who we are']);
    } finally {
      role.closeAllConnections();
      role.close();
    }
  });

  test('goes on without a bucket that does not answer, which may come back', async () => {
    const gone = environment({ PDS_BLOBSTORE_S3_ENDPOINT: `http://127.0.0.1:${await freePort()}` });
    const pds = await startPds(readPdsConfig(gone), { log: silentLogger });
    await pds.close();
    const lines: string[] = [];
    await runDoctor({ json: true, machine: true }, { write: (line) => void lines.push(line), env: gone, clock: systemClock });
    expect(lines.map((line) => JSON.parse(line) as Finding)).toContainEqual({ check: 'blobs', state: 'fail', found: expect.stringContaining('ECONNREFUSED'), advice: expect.stringContaining('PDS_BLOBSTORE_S3_ENDPOINT') });
  });

  test('leaves nothing of its try in the bucket, nor does the doctor', async () => {
    const before = await s3.keys();
    await (await startPds(readPdsConfig(environment({})), { log: silentLogger })).close();
    const lines: string[] = [];
    await runDoctor({ machine: true }, { write: (line) => void lines.push(line), env: environment({}), clock: systemClock });
    expect(lines).toContain('ok    blobs: bucket blobs');
    expect(await s3.keys()).toEqual(before);
  });
});

test('two servers share a bucket under prefixes of their own, and neither sees the other\'s blobs', async () => {
  const others = await Promise.all(['one', 'two/deep'].map((prefix) => startSmallPds({ environment: bucket({ PDS_BLOBSTORE_S3_KEY_PREFIX: prefix }) })));
  try {
    const [one, two] = others as [SmallPds, SmallPds];
    const [bob, eve] = [await one.newPerson('bob'), await two.newPerson('eve')];
    const [mine, yours] = [await store('mine', one, bob), await store('yours', two, eve)];
    expect(await s3.keys()).toEqual(expect.arrayContaining([keyOf(mine, bob, 'one/'), keyOf(yours, eve, 'two/deep/')]));
    expect((await get(cidOf(mine), {}, one, bob)).bytes.equals(mine)).toBe(true);
    for (const [pds, prefix] of [[one, 'one'], [two, 'two/deep']] as const) {
      expect(await run({ ...bucket({ PDS_BLOBSTORE_S3_KEY_PREFIX: prefix }), PDS_DATA_DIRECTORY: pds.dataDirectory }, 'blob', 'fsck', '--deep')).toEqual([{ found: 0 }]);
    }
  } finally {
    for (const other of others) await other.close();
  }
});

describe('the trash', () => {
  const later = async (ms: number, what: string, check: () => Promise<boolean>): Promise<void> => {
    clock.advance(ms);
    await eventually(what, check);
    alice.token = String((await small.call('com.atproto.server.createSession', { body: { identifier: alice.did, password: 'alice password' } })).json['accessJwt']);
  };
  const trashed = async (): Promise<unknown[]> => (await administer('blob', 'trash', alice.did)).map(({ cid }) => cid);

  test('keeps what no record names any more, gives it back, and removes it when its time is over', async () => {
    const bytes = await store('a mistake');
    const rkey = cidOf(bytes).slice(-12);
    const { json } = await upload(bytes);
    await put(rkey, []);
    await later(1.5 * hour, 'it is in the trash', async () => (await trashed()).includes(cidOf(bytes)));
    expect((await put(rkey, [json['blob']])).json['error']).toBe('BlobNotFound');
    expect(await administer('blob', 'restore', alice.did, cidOf(bytes))).toEqual([{ did: alice.did, done: 1, failed: 0 }]);
    expect((await put(rkey, [json['blob']])).status).toBe(200);
    expect((await get(cidOf(bytes))).bytes.equals(bytes)).toBe(true);
    await put(rkey, []);
    await later(1.5 * hour, 'it is in the trash again', async () => (await trashed()).includes(cidOf(bytes)));
    expect(await s3.keys()).toContain(keyOf(bytes));
    // A bucket that fails then keeps the row, and the next look goes on.
    s3.trouble = (asked) => (asked.startsWith('DELETE') ? 503 : null);
    await later(2 * hour, 'it was tried', () => Promise.resolve(s3.asked.filter((asked) => asked.startsWith('DELETE')).length >= 3));
    expect(await s3.keys()).toContain(keyOf(bytes));
    s3.trouble = () => null;
    await later(0.5 * hour, 'it is gone', async () => !(await s3.keys()).includes(keyOf(bytes)));
    expect(await trashed()).not.toContain(cidOf(bytes));
  });
});

test('fsck finds what is apart in a bucket, mends it while no server runs, and finds nothing afterwards', async () => {
  const own = await startSmallPds({ environment: bucket({ PDS_BLOBSTORE_S3_KEY_PREFIX: 'apart' }) });
  const env = { ...bucket({ PDS_BLOBSTORE_S3_KEY_PREFIX: 'apart' }), PDS_DATA_DIRECTORY: own.dataDirectory };
  try {
    const bob = await own.newPerson('bob');
    const [whole, lost, spoilt] = [await store('whole', own, bob), await store('lost', own, bob), await store('spoilt', own, bob)];
    await store('whole too', own, bob);
    const stray = Buffer.from('nobody knows me');
    await s3.remove(keyOf(lost, bob, 'apart/'));
    await s3.put(keyOf(spoilt, bob, 'apart/'), Buffer.from('tliops'));
    await s3.put(keyOf(stray, bob, 'apart/'), stray);
    const found = [
      { kind: 'missing', did: bob.did, cid: cidOf(lost), isUsed: true }, { kind: 'wrongContents', did: bob.did, cid: cidOf(spoilt), isUsed: true },
      { kind: 'unknownFile', did: bob.did, cid: cidOf(stray), isUsed: false },
    ];
    const lines: string[] = [];
    const looking = adminPdsCommand({ write: (line) => void lines.push(line), env }).parseAsync(['--json', 'blob', 'fsck', '--deep'], { from: 'user' });
    await expect(looking).rejects.toThrow('blobs are not as they should be');
    expect(lines.map((line) => JSON.parse(line) as object)).toEqual(expect.arrayContaining(found));
    expect((await get(cidOf(lost), {}, own, bob)).json['message']).toBe('Blob not found');
    await expect(run(env, 'blob', 'fsck', '--mend')).rejects.toThrow('another process is using the data folder');
    await own.pds.close();
    await expect(run({ ...env, PDS_BLOBSTORE_S3_KEY_PREFIX: 'mistyped' }, 'blob', 'fsck', '--mend')).rejects.toThrow('4 of 4 blobs are missing or wrong: is this where they lie? nothing was done');
    expect((await run(env, 'blob', 'fsck', '--deep', '--mend')).at(-1)).toEqual({ found: 3, mended: 3 });
    expect(await run(env, 'blob', 'fsck', '--deep')).toEqual([{ found: 0 }]);
    await own.restart();
    bob.token = String((await own.call('com.atproto.server.createSession', { body: { identifier: bob.did, password: 'bob password' } })).json['accessJwt']);
    const missing = (await own.call('com.atproto.repo.listMissingBlobs', { token: bob.token })).json['blobs'] as { cid: string }[];
    expect(missing.map(({ cid }) => cid).sort()).toEqual([cidOf(lost), cidOf(spoilt)].sort());
    expect((await upload(lost, own, bob)).status).toBe(200);
    expect((await get(cidOf(lost), {}, own, bob)).bytes.equals(lost)).toBe(true);
    expect((await get(cidOf(whole), {}, own, bob)).bytes.equals(whole)).toBe(true);
  } finally {
    await own.close();
  }
});

test('a backup leaves blobs in the bucket or takes them along, and a restore says which are missing or moves them to a folder', async () => {
  const own = await startSmallPds({ environment: bucket({ PDS_BLOBSTORE_S3_KEY_PREFIX: 'kept' }) });
  const folder = await temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  const env = { ...bucket({ PDS_BLOBSTORE_S3_KEY_PREFIX: 'kept' }), PDS_DATA_DIRECTORY: own.dataDirectory };
  try {
    const bob = await own.newPerson('bob');
    const [stays, goes] = [await store('stays', own, bob), await store('goes', own, bob)];
    expect((await run(env, 'backup', at('light')))[0]).toMatchObject({ blobs: 2, missingBlobs: 0, areBlobsCopied: false });
    expect(await readdir(join(at('light'), 'blobs'))).toEqual([]);
    expect((await run(env, 'backup', '--blobs', at('full')))[0]).toMatchObject({ blobs: 2, missingBlobs: 0, areBlobsCopied: true });
    await s3.remove(keyOf(goes, bob, 'kept/'));
    await mkdir(at('again'));
    expect((await run({ ...env, PDS_DATA_DIRECTORY: at('again') }, 'restore', at('light')))[0]).toMatchObject({ accounts: 1, missingBlobs: 1 });
    expect((await run({ ...env, PDS_DATA_DIRECTORY: at('whole') }, 'restore', at('full')))[0]).toMatchObject({ accounts: 1, missingBlobs: 0 });
    expect(await s3.keys()).toContain(keyOf(goes, bob, 'kept/'));
    expect((await run({ PDS_DATA_DIRECTORY: at('disk') }, 'restore', at('full')))[0]).toMatchObject({ missingBlobs: 0 });
    expect((await readdir(join(at('disk'), 'blobs', bob.did))).sort()).toEqual([cidOf(stays), cidOf(goes)].sort());
  } finally {
    await own.close();
    await folder.remove();
  }
});
