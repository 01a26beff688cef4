/**
 * A reference PDS is filled with people, killed, and its data directory taken over by ours, under the same name and port: people sign in
 * with the passwords they had, everything is there, and the relay that knew the former server goes on hearing them.
 */
import { appendFile, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AtpAgent } from '@atproto/api';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseDidKey } from '@dunlin/protocol/crypto/did-key';
import { verifyRepoCar } from '@dunlin/protocol/repo/verify-repo';
import { silentLogger } from '@dunlin/service/log/logger';
import { adminPdsCommand } from '../../cli/src/admin-pds.ts';
import { openDatabase } from '@dunlin/service/sqlite/database';
import { pdsMigrations } from '../../pds/src/wiring/stores.ts';
import { startPds, type RunningPds } from '../../pds/src/pds.ts';
import { readPdsConfig } from '../../pds/src/config.ts';
import { startPlc } from '../../plc/src/plc.ts';
import { startRelay } from '../../relay/src/relay.ts';
import { readRelayConfig } from '../../relay/src/config.ts';
import { startReferencePds } from '../harness/reference-pds.ts';
import { temporaryFolder } from '../harness/temporary.ts';
import { eventually } from '../harness/wait.ts';

const closers: (() => Promise<unknown>)[] = [];
const secrets = { PDS_JWT_SECRET: 'a secret both servers know', PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX: '7f'.repeat(32), PDS_ADMIN_PASSWORD: 'admin' };
const people = ['ann', 'bob', 'cleo'] as const;
const password = 'a password of some length';
const preferences = [{ $type: 'app.bsky.actor.defs#adultContentPref', enabled: false }];
const picture = Buffer.from('\x89PNG\r\n\x1a\nnot much of an image', 'latin1');
const takenDownPicture = Buffer.from('\x89PNG\r\n\x1a\nnothing to be seen', 'latin1');
let folder: string;
let plcUrl: string;
let relayUrl: string;
let url: string;
let environment: Record<string, string>;
const dids = new Map<string, string>();
let appPassword: string;
let refreshJwt: string;
let inviteCode: string;
let blobCid: string;
let takenDownCid: string;
let pds: RunningPds;

const own = <T extends { close(): Promise<unknown> }>(server: T): T => {
  closers.push(() => server.close());
  return server;
};

beforeAll(async () => {
  const temporary = await temporaryFolder();
  folder = temporary.path;
  closers.push(() => temporary.remove());
  const plc = own(await startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:' }, { log: silentLogger }));
  plcUrl = plc.url.replace('127.0.0.1', 'localhost');
  await mkdir(join(folder, 'relay'));
  const relay = own(await startRelay(readRelayConfig({
    RELAY_API_BIND: '127.0.0.1:0', RELAY_METRICS_LISTEN: '127.0.0.1:0', RELAY_PERSIST_DIR: join(folder, 'relay'), RELAY_PLC_HOST: plc.url, RELAY_ALLOW_INSECURE_HOSTS: 'true',
  }), { log: silentLogger }));
  relayUrl = relay.url;
  const theirs = { ...secrets, PDS_DATA_DIRECTORY: join(folder, 'theirs'), PDS_BLOBSTORE_DISK_LOCATION: join(folder, 'theirs/blobs') };
  await mkdir(theirs.PDS_DATA_DIRECTORY);
  const reference = await startReferencePds({ plc: plcUrl, environment: theirs });
  url = reference.url;
  try {
    await fillReference();
  } finally {
    await reference.close();
  }
  environment = {
    ...secrets, PDS_HOSTNAME: 'localhost', PDS_PORT: new URL(url).port, PDS_DATA_DIRECTORY: join(folder, 'ours'), PDS_DID_PLC_URL: plc.url,
    PDS_SERVICE_HANDLE_DOMAINS: '.test', PDS_DEV_MODE: 'true', PDS_CRAWLERS: relayUrl,
    // On localhost ours has its port in its DID, the reference has not; under a host name they are the same.
    PDS_SERVICE_DID: 'did:web:localhost',
  };
}, 90_000);
afterAll(async () => {
  for (const close of closers.toReversed()) await close();
});

const post = (text: string): { text: string; createdAt: string } => ({ text, createdAt: new Date().toISOString() });
const admin = { authorization: `Basic ${Buffer.from('admin:admin').toString('base64')}` };

async function fillReference(): Promise<void> {
  for (const name of people) {
    const agent = new AtpAgent({ service: url });
    await agent.createAccount({ handle: `${name}.test`, email: `${name}@example.com`, password });
    dids.set(name, agent.assertDid);
    for (let index = 0; index < 20; index++) await agent.post(post(`post ${index}`));
  }
  const ann = await signIn('ann');
  const { data: upload } = await ann.com.atproto.repo.uploadBlob(picture, { encoding: 'image/png' });
  blobCid = String(upload.blob.ref);
  await ann.com.atproto.repo.putRecord({ repo: ann.assertDid, collection: 'app.bsky.actor.profile', rkey: 'self', record: { displayName: 'Ann', avatar: upload.blob } });
  await ann.app.bsky.actor.putPreferences({ preferences });
  appPassword = (await ann.com.atproto.server.createAppPassword({ name: 'my phone', privileged: true })).data.password;
  refreshJwt = ann.session?.refreshJwt ?? '';
  await (await signIn('bob')).com.atproto.server.deactivateAccount({});
  const operator = new AtpAgent({ service: url });
  const { data } = await operator.com.atproto.server.createInviteCode({ useCount: 3 }, { headers: admin, encoding: 'application/json' });
  inviteCode = data.code;
  await operator.com.atproto.admin.updateSubjectStatus({ subject: { $type: 'com.atproto.admin.defs#repoRef', did: dids.get('cleo') ?? '' }, takedown: { applied: true, ref: 'case 7' } }, { headers: admin, encoding: 'application/json' });
  await fetch(`${relayUrl}/xrpc/com.atproto.sync.requestCrawl`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ hostname: new URL(url).host }) });
  const { data: bad } = await ann.com.atproto.repo.uploadBlob(takenDownPicture, { encoding: 'image/png' });
  takenDownCid = String(bad.blob.ref);
  const { uri, cid } = await ann.post({ ...post('taken down'), embed: { $type: 'app.bsky.embed.images', images: [{ alt: '', image: bad.blob }] } });
  const takedown = { applied: true, ref: 'case 8' };
  await operator.com.atproto.admin.updateSubjectStatus({ subject: { $type: 'com.atproto.repo.strongRef', uri, cid }, takedown }, { headers: admin, encoding: 'application/json' });
  await operator.com.atproto.admin.updateSubjectStatus({ subject: { $type: 'com.atproto.admin.defs#repoBlobRef', did: ann.assertDid, cid: takenDownCid }, takedown }, { headers: admin, encoding: 'application/json' });
  await ann.post(post('the last one there'));
  await eventually('the relay has heard of Ann', async () => (await headAt(relayUrl)) !== undefined && (await headAt(relayUrl)) === (await headAt(url)));
}

async function signIn(name: string, secret = password): Promise<AtpAgent> {
  const agent = new AtpAgent({ service: url });
  await agent.login({ identifier: `${name}.test`, password: secret });
  return agent;
}

async function headAt(base: string): Promise<string | undefined> {
  const answer = await fetch(`${base}/xrpc/com.atproto.sync.getLatestCommit?did=${dids.get('ann')}`);
  return ((await answer.json()) as { cid?: string }).cid;
}

async function latestRev(did: string): Promise<string> {
  return (await new AtpAgent({ service: relayUrl }).com.atproto.sync.getLatestCommit({ did })).data.rev;
}

async function run(...args: string[]): Promise<Record<string, unknown>[]> {
  const lines: string[] = [];
  await adminPdsCommand({ write: (line) => void lines.push(line), env: environment }).parseAsync(['--json', ...args], { from: 'user' });
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('a directory that is none of a reference PDS is refused, and nothing is made', async () => {
  await expect(run('import-reference', join(folder, 'relay'))).rejects.toThrow('not the data directory of a reference PDS');
  await expect(readdir(join(folder, 'ours'))).rejects.toThrow('ENOENT');
});

test('every account is taken over, once, however often the command runs and wherever it was cut off', async () => {
  const made = await run('import-reference', join(folder, 'theirs'));
  expect(made.slice(0, 3)).toEqual([
    { did: dids.get('ann'), handle: 'ann.test', records: 23, blobs: 2, missingBlobs: 0, fault: null },
    { did: dids.get('bob'), handle: 'bob.test', records: 20, blobs: 0, missingBlobs: 0, fault: null },
    { did: dids.get('cleo'), handle: 'cleo.test', records: 20, blobs: 0, missingBlobs: 0, fault: null },
  ]);
  expect(made[3]).toMatchObject({ accounts: 3, failed: 0, inviteCodes: 1, headSeq: expect.any(Number) });
  expect((await run('import-reference', join(folder, 'theirs')))[0]).toMatchObject({ accounts: 0, failed: 0, inviteCodes: 0 });
  // As if a crash had come before anything was known to be done, and in the middle of a line.
  const progress = join(folder, 'ours/import-reference.jsonl');
  await rm(progress);
  for (const name of people) await appendFile(progress, `${JSON.stringify({ begun: dids.get(name) })}\n`);
  await appendFile(progress, '{"don');
  expect(await run('import-reference', join(folder, 'theirs'))).toMatchObject([{ accounts: 0, failed: 0 }]);
  // As if it had come before Ann's last step.
  const database = openDatabase(join(folder, 'ours/pds.sqlite'), { migrations: pdsMigrations });
  database.exec("UPDATE account SET password_hash = NULL, deactivated_at = 1 WHERE handle = 'ann.test'; DELETE FROM repo WHERE account = 1");
  database.close();
  await rm(progress);
  await expect(run('import-reference', join(folder, 'theirs'))).rejects.toThrow('3 accounts were not taken over');
  for (const name of people) await appendFile(progress, `${JSON.stringify({ begun: dids.get(name) })}\n`);
  expect((await run('import-reference', join(folder, 'theirs')))[0]).toMatchObject({ handle: 'ann.test', records: 23, blobs: 2, fault: null });
});

test('people sign in as they did, everything is there, and the relay hears them on', async () => {
  pds = own(await startPds(readPdsConfig(environment), { log: silentLogger }));
  expect(pds.url).toBe(url);
  const trail = (await (await fetch(`${url}/xrpc/app.dunlin.admin.listActs`, { headers: admin })).json()) as { acts: Record<string, unknown>[] };
  expect(trail.acts).toHaveLength(5);
  expect(trail.acts.map(({ status }) => status)).toEqual([200, 500, 200, 200, 200]);
  expect(trail.acts[1]).toMatchObject({ method: 'dunlin admin pds import-reference', actor: 'operator', address: 'shell', outcome: '3 accounts were not taken over', input: { from: join(folder, 'theirs') } });
  const ann = await signIn('ann');
  expect(ann.session).toMatchObject({ did: dids.get('ann'), email: 'ann@example.com', active: true });
  expect((await (await signIn('ann', appPassword)).com.atproto.server.getSession()).data.did).toBe(dids.get('ann'));
  await expect(signIn('ann', 'another password')).rejects.toThrow('Invalid identifier or password');
  expect((await ann.com.atproto.server.listAppPasswords()).data.passwords).toMatchObject([{ name: 'my phone', privileged: true }]);
  expect((await ann.app.bsky.actor.getPreferences()).data.preferences).toEqual(preferences);
  expect((await ann.com.atproto.repo.listRecords({ repo: ann.assertDid, collection: 'app.bsky.feed.post' })).data.records).toHaveLength(21);
  expect(Buffer.from((await ann.com.atproto.sync.getBlob({ did: ann.assertDid, cid: blobCid })).data)).toEqual(picture);
  expect((await ann.com.atproto.server.checkAccountStatus()).data).toMatchObject({ activated: true, validDid: true, expectedBlobs: 2, importedBlobs: 2 });
  await expect(ann.com.atproto.sync.getBlob({ did: ann.assertDid, cid: takenDownCid })).rejects.toThrow('Blob not found');
  expect((await signIn('bob')).session).toMatchObject({ active: false, status: 'deactivated' });
  await expect(signIn('cleo')).rejects.toThrow('Account has been taken down');
  const codes = await new AtpAgent({ service: url }).com.atproto.admin.getInviteCodes({}, { headers: admin });
  expect(codes.data.codes).toMatchObject([{ code: inviteCode, available: 3, uses: [] }]);

  await ann.post(post('the first one here'));
  await eventually('the relay has the new commit', async () => (await headAt(relayUrl)) === (await headAt(url)));
  const { data: car } = await ann.com.atproto.sync.getRepo({ did: ann.assertDid });
  const document = (await (await fetch(`${plcUrl}/${ann.assertDid}`)).json()) as { verificationMethod: { publicKeyMultibase: string }[] };
  const { commit, recordCount } = verifyRepoCar(car, ann.assertDid, parseDidKey(`did:key:${document.verificationMethod[0]?.publicKeyMultibase}`));
  expect([commit.rev, recordCount]).toEqual([await latestRev(ann.assertDid), 24]);
});

test('a handle can be changed, since the rotation key came along', async () => {
  const ann = await signIn('ann');
  await ann.updateHandle({ handle: 'anna.test' });
  expect((await ann.com.atproto.identity.resolveHandle({ handle: 'anna.test' })).data.did).toBe(ann.assertDid);
});

test('a session begun there goes on here', async () => {
  const answer = await fetch(`${url}/xrpc/com.atproto.server.refreshSession`, { method: 'POST', headers: { authorization: `Bearer ${refreshJwt}` } });
  expect(await answer.json()).toMatchObject({ did: dids.get('ann'), handle: 'anna.test' });
});

test('no import runs beside the server', async () => {
  await expect(run('import-reference', join(folder, 'theirs'))).rejects.toThrow('another process is using the data folder');
});
