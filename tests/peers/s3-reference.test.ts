/** A bucket that the reference PDS filled is taken over by ours: its blobs are served from where they lie, or from below a prefix. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AtpAgent } from '@atproto/api';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { silentLogger } from '@dunlin/service/log/logger';
import { adminPdsCommand } from '../../cli/src/admin-pds.ts';
import { readPdsConfig } from '../../pds/src/config.ts';
import { startPds } from '../../pds/src/pds.ts';
import { startPlc } from '../../plc/src/plc.ts';
import { startReferencePds } from '../harness/reference-pds.ts';
import { temporaryFolder } from '../harness/temporary.ts';
import { s3Key, startS3, type S3Server } from './s3-server.ts';

const closers: (() => Promise<unknown>)[] = [];
const secrets = { PDS_JWT_SECRET: 'a secret both servers know', PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX: '7f'.repeat(32), PDS_ADMIN_PASSWORD: 'admin' };
const admin = { authorization: `Basic ${Buffer.from('admin:admin').toString('base64')}` };
const picture = Buffer.from('\x89PNG\r\n\x1a\nnot much of an image', 'latin1');
const takenDown = Buffer.from('\x89PNG\r\n\x1a\nnothing to be seen', 'latin1');
let s3: S3Server;
let folder: string;
let plcUrl: string;
let url: string;
let bucket: Record<string, string>;
let did: string;
let cids: { picture: string; takenDown: string };

beforeAll(async () => {
  const temporary = await temporaryFolder();
  folder = temporary.path;
  closers.push(() => temporary.remove());
  const plc = await startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:' }, { log: silentLogger });
  closers.push(() => plc.close());
  plcUrl = plc.url.replace('127.0.0.1', 'localhost');
  s3 = await startS3();
  closers.push(() => s3.close());
  bucket = {
    PDS_BLOBSTORE_S3_BUCKET: 'blobs', PDS_BLOBSTORE_S3_ENDPOINT: s3.url, PDS_BLOBSTORE_S3_FORCE_PATH_STYLE: 'true', PDS_BLOBSTORE_S3_REGION: 'us-east-1',
    PDS_BLOBSTORE_S3_ACCESS_KEY_ID: s3Key.accessKeyId, PDS_BLOBSTORE_S3_SECRET_ACCESS_KEY: s3Key.secretAccessKey,
  };
  await mkdir(join(folder, 'theirs'));
  const reference = await startReferencePds({
    plc: plcUrl,
    // Without the last, AWS's own library sends bodies in a framing that the test's store does not know.
    environment: { ...secrets, ...bucket, PDS_DATA_DIRECTORY: join(folder, 'theirs'), PDS_BLOBSTORE_DISK_LOCATION: '', AWS_REQUEST_CHECKSUM_CALCULATION: 'WHEN_REQUIRED' },
  });
  url = reference.url;
  try {
    await fill();
  } finally {
    await reference.close();
  }
}, 90_000);
afterAll(async () => {
  for (const close of closers.toReversed()) await close();
});

async function fill(): Promise<void> {
  const agent = new AtpAgent({ service: url });
  await agent.createAccount({ handle: 'ann.test', email: 'ann@example.com', password: 'a password of some length' });
  did = agent.assertDid;
  const post = async (bytes: Buffer): Promise<string> => {
    const { data } = await agent.uploadBlob(bytes, { encoding: 'image/png' });
    await agent.post({ text: 'look', createdAt: new Date().toISOString(), embed: { $type: 'app.bsky.embed.images', images: [{ image: data.blob, alt: '' }] } });
    return data.blob.ref.toString();
  };
  cids = { picture: await post(picture), takenDown: await post(takenDown) };
  const subject = { $type: 'com.atproto.admin.defs#repoBlobRef' as const, did, cid: cids.takenDown };
  await agent.com.atproto.admin.updateSubjectStatus({ subject, takedown: { applied: true, ref: 'x' } }, { headers: admin, encoding: 'application/json' });
}

const environment = (name: string, more: Record<string, string>): Record<string, string> => ({
  ...secrets, PDS_HOSTNAME: 'localhost', PDS_PORT: new URL(url).port, PDS_DATA_DIRECTORY: join(folder, name), PDS_DID_PLC_URL: plcUrl,
  PDS_SERVICE_HANDLE_DOMAINS: '.test', PDS_DEV_MODE: 'true', PDS_SERVICE_DID: 'did:web:localhost', ...more,
});

async function importInto(env: Record<string, string>): Promise<Record<string, unknown>> {
  const lines: string[] = [];
  await adminPdsCommand({ write: (line) => void lines.push(line), env }).parseAsync(['--json', 'import-reference', join(folder, 'theirs')], { from: 'user' });
  return JSON.parse(lines[0] ?? '{}') as Record<string, unknown>;
}

const getBlob = async (cid: string): Promise<{ status: number; bytes: Buffer }> => {
  const answer = await fetch(`${url}/xrpc/com.atproto.sync.getBlob?did=${did}&cid=${cid}`);
  return { status: answer.status, bytes: Buffer.from(await answer.arrayBuffer()) };
};

test.each<[string, Record<string, string>, string]>([['where they lie', {}, ''], ['below a prefix of ours', { PDS_BLOBSTORE_S3_KEY_PREFIX: 'ours' }, 'ours/']])('takes blobs over %s, those that were taken down too', async (_what, more, prefix) => {
  expect(await s3.keys()).toEqual(expect.arrayContaining([`blocks/${did}/${cids.picture}`, `quarantine/${did}/${cids.takenDown}`]));
  const env = environment(`data-${prefix.length}`, { ...bucket, ...more });
  expect(await importInto(env)).toMatchObject({ did, blobs: 2, missingBlobs: 0, fault: null });
  expect(await s3.keys()).toEqual(expect.arrayContaining([`${prefix}blocks/${did}/${cids.picture}`, `${prefix}blocks/${did}/${cids.takenDown}`]));
  const pds = await startPds(readPdsConfig(env), { log: silentLogger });
  try {
    expect((await getBlob(cids.picture)).bytes.equals(picture)).toBe(true);
    expect((await getBlob(cids.takenDown)).status).toBe(400);
    const subject = { $type: 'com.atproto.admin.defs#repoBlobRef' as const, did, cid: cids.takenDown };
    await new AtpAgent({ service: url }).com.atproto.admin.updateSubjectStatus({ subject, takedown: { applied: false } }, { headers: admin, encoding: 'application/json' });
    expect((await getBlob(cids.takenDown)).bytes.equals(takenDown)).toBe(true);
  } finally {
    await pds.close();
  }
});

test('says how many blobs are missing where the bucket is not set', async () => {
  expect(await importInto(environment('data-disk', {}))).toMatchObject({ did, blobs: 0, missingBlobs: 2, fault: null });
});
