/**
 * A PDS killed with -9 between the steps of storing and of removing a blob: the bucket has done what it was asked and the server
 * never heard. After the next start rows and objects are brought together, and nothing that was answered is lost.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { cidForRaw } from '@dunlin/protocol/data/cid';
import { startPlc, type RunningPlc } from '../../plc/src/plc.ts';
import { silentLogger } from '@dunlin/service/log/logger';
import { freePort, temporaryFolder } from '../harness/temporary.ts';
import { runDunlin, startDunlin, type StartedProcess } from '../harness/process.ts';
import { eventually } from '../harness/wait.ts';
import { call, type Answer } from '../pds/small-pds.ts';
import { s3Key, startS3, type S3Server } from './s3-server.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let plc: RunningPlc;
let s3: S3Server;
let pds: StartedProcess;
let environment: Record<string, string>;
let url: string;
const admin = { authorization: `Basic ${Buffer.from('admin:operator').toString('base64')}` };
beforeAll(async () => {
  folder = await temporaryFolder();
  plc = await startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:' }, { log: silentLogger });
  s3 = await startS3();
  environment = {
    PDS_HOSTNAME: 'localhost', PDS_PORT: String(await freePort()), PDS_DATA_DIRECTORY: folder.path, PDS_DID_PLC_URL: plc.url, PDS_DEV_MODE: 'true', PDS_ADMIN_PASSWORD: 'operator',
    PDS_BLOBSTORE_S3_BUCKET: 'blobs', PDS_BLOBSTORE_S3_ENDPOINT: s3.url, PDS_BLOBSTORE_S3_FORCE_PATH_STYLE: 'true', PDS_BLOB_TRASH_TIME: '0',
    AWS_ACCESS_KEY_ID: s3Key.accessKeyId, AWS_SECRET_ACCESS_KEY: s3Key.secretAccessKey,
  };
  await start();
});
afterAll(async () => {
  await pds.stop('SIGKILL');
  await s3.close();
  await plc.close();
  await folder.remove();
});

async function start(): Promise<void> {
  pds = await startDunlin(['pds'], environment);
  url = String(pds.ready['url']);
}

/** Begins a call, and kills the server when the bucket has done a request of it that is never answered. */
async function killDuring(method: string, key: string, begin: () => Promise<Answer>): Promise<Answer | null> {
  const isIt = (asked: string): boolean => asked.startsWith(method) && asked.includes(encodeURIComponent(key.split('/').at(-1) ?? ''));
  const isDone = async (): Promise<boolean> => (await s3.keys()).includes(key) === (method === 'PUT');
  s3.trouble = (asked) => (isIt(asked) ? 'swallow' : null);
  const cut = begin().catch(() => null);
  await eventually('the bucket has done it', async () => s3.asked.some(isIt) && (await isDone()));
  await pds.stop('SIGKILL');
  s3.trouble = () => null;
  await start();
  return cut;
}

const newPerson = async (name: string): Promise<{ did: string; token: string }> => {
  const { json } = await call(url, 'com.atproto.server.createAccount', { body: { handle: `${name}.test`, password: 'a password' } });
  return { did: String(json['did']), token: String(json['accessJwt']) };
};
const upload = (bytes: Buffer, token: string): Promise<Answer> => call(url, 'com.atproto.repo.uploadBlob', { body: bytes, headers: { 'content-type': 'text/plain' }, token });
const name = (rkey: string, blob: unknown, { did, token }: { did: string; token: string }): Promise<Answer> =>
  call(url, 'com.atproto.repo.putRecord', { body: { repo: did, collection: 'com.example.file', rkey, record: { blob } }, token });
const fsck = async (...options: string[]): Promise<string> => (await runDunlin(['admin', 'pds', 'blob', 'fsck', '--deep', ...options], environment)).stdout.trim();

test('killed between the bytes and the row of an upload, it has an unknown file that mending puts away, and the upload can be repeated', async () => {
  const who = await newPerson('uploader');
  const [before, bytes] = [Buffer.from('answered before'), Buffer.from('never answered')];
  await name('before', (await upload(before, who.token)).json['blob'], who);
  const cid = cidForRaw(bytes).toString();
  const key = `blocks/${who.did}/${cid}`;
  expect(await killDuring('PUT', key, () => upload(bytes, who.token))).toBeNull();
  expect(await fsck()).toContain(`unknownFile: ${who.did} ${cid}`);
  await pds.stop();
  expect(await fsck('--mend')).toBe(`unknownFile: ${who.did} ${cid}: trashed\nfound 1, mended 1`);
  expect(await fsck()).toBe('every blob is as it should be');
  await start();
  await eventually('the trash is emptied', async () => !(await s3.keys()).includes(key));
  expect((await name('again', (await upload(bytes, who.token)).json['blob'], who)).status).toBe(200);
  for (const each of [before, bytes]) {
    const served = await call(url, 'com.atproto.sync.getBlob', { params: { did: who.did, cid: cidForRaw(each).toString() } });
    expect(served.bytes.equals(each)).toBe(true);
  }
});

test('killed between the bytes and the row of a removal, it ends the removal at the next start', async () => {
  const who = await newPerson('leaver');
  const blobs = ['one', 'two', 'three'].map((text) => Buffer.from(text));
  for (const [index, bytes] of blobs.entries()) await name(`r${index}`, (await upload(bytes, who.token)).json['blob'], who);
  const mine = async (): Promise<string[]> => (await s3.keys()).filter((key) => key.includes(who.did));
  expect(await mine()).toHaveLength(3);
  const deleted = await killDuring('DELETE', (await mine())[1]!, () => call(url, 'com.atproto.admin.deleteAccount', { body: { did: who.did }, headers: admin }));
  expect(deleted?.status).toBe(200);
  await eventually('all are gone', async () => (await mine()).length === 0);
  await eventually('the trash is empty', async () => ((await call(url, 'app.dunlin.admin.listBlobTrash', { headers: admin })).json['blobs'] as []).length === 0);
  expect(await fsck()).toBe('every blob is as it should be');
});
