/**
 * An archive of ours opens at another server's door: the tar a person downloaded is brought to the reference PDS by the methods any program
 * would use, while our server is gone, and everything is there as it was, byte for byte; with a key of their own the person then lives there.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AtpAgent } from '@atproto/api';
import { readCar } from '@dunlin/protocol/car/read';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { signPlcOperation, type UnsignedPlcUpdate } from '@dunlin/protocol/identity/plc-operation';
import { silentLogger } from '@dunlin/service/log/logger';
import { startPlc, type RunningPlc } from '../../plc/src/plc.ts';
import { startReferencePds, type ReferencePds } from '../harness/reference-pds.ts';
import { temporaryFolder } from '../harness/temporary.ts';
import { startSmallPds, type SmallPds } from '../pds/small-pds.ts';

let plc: RunningPlc;
let plcUrl: string;
let ours: SmallPds;
let reference: ReferencePds;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
  plc = await startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:' }, { log: silentLogger });
  plcUrl = plc.url.replace('127.0.0.1', 'localhost');
  [ours, reference] = await Promise.all([startSmallPds({ environment: { PDS_DID_PLC_URL: plcUrl } }), startReferencePds({ plc: plcUrl })]);
});
afterAll(async () => {
  await reference?.close();
  await plc?.close();
  await folder?.remove();
});

const password = 'a password of some length';
const files = [
  { bytes: Buffer.from('\x89PNG\r\n\x1a\nnot much of an image', 'latin1'), mimeType: 'image/png' },
  { bytes: Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(700_000, 7)]), mimeType: 'image/png' },
  { bytes: Buffer.from('what kind this is its bytes do not say'), mimeType: 'application/x-notes' },
];
const preferences = [{ $type: 'app.bsky.actor.defs#adultContentPref', enabled: false }, { $type: 'app.bsky.actor.defs#savedFeedsPref', saved: [], pinned: [] }];

/** Writes what a person has, and puts a key of their own above the server's. */
async function newPerson(): Promise<{ agent: AtpAgent; key: Keypair }> {
  const agent = new AtpAgent({ service: ours.url });
  await agent.createAccount({ handle: 'leaver.test', email: 'leaver@example.com', password });
  const did = agent.assertDid;
  for (const [index, { bytes, mimeType }] of files.entries()) {
    const { data } = await agent.com.atproto.repo.uploadBlob(bytes, { encoding: mimeType });
    await agent.com.atproto.repo.createRecord({ repo: did, collection: 'com.example.file', record: { $type: 'com.example.file', index, file: data.blob }, validate: false });
  }
  for (let index = 0; index < 60; index++) await agent.post({ text: `post ${index}`, createdAt: new Date().toISOString() });
  await agent.app.bsky.actor.putPreferences({ preferences });
  const key = Keypair.generate('k256');
  await agent.com.atproto.identity.requestPlcOperationSignature();
  const { json } = await ours.call('app.dunlin.admin.listMailCodes', { headers: ours.admin, params: { account: did } });
  const { rotationKeys } = await stateOf(did);
  const { data } = await agent.com.atproto.identity.signPlcOperation({ token: (json['codes'] as { code: string }[])[0]!.code, rotationKeys: [key.did, ...rotationKeys] });
  await agent.com.atproto.identity.submitPlcOperation({ operation: data.operation });
  return { agent, key };
}

async function stateOf(did: string): Promise<{ cid: string } & Omit<UnsignedPlcUpdate, 'type' | 'prev'>> {
  const log = (await (await fetch(`${plcUrl}/${did}/log/audit`)).json()) as { cid: string; operation: UnsignedPlcUpdate & { sig: string } }[];
  const { cid, operation: { sig: _sig, prev: _prev, type: _type, ...state } } = log.at(-1)!;
  return { cid, ...state };
}

/** Downloads the archive and unpacks it with the system's tar. */
async function unpackedArchive(token: string): Promise<string> {
  const { json } = await ours.call('app.dunlin.account.makeArchiveTicket', { method: 'POST', token });
  const response = await fetch(`${ours.url}/account/export/archive`, { method: 'POST', body: new URLSearchParams({ ticket: String(json['ticket']) }) });
  const path = join(folder.path, 'archive.tar');
  writeFileSync(path, new Uint8Array(await response.arrayBuffer()));
  execFileSync('tar', ['xf', path, '-C', folder.path]);
  return join(folder.path, 'account');
}

test('an archive brought to the reference PDS has everything in it as it was', async () => {
  const { agent, key } = await newPerson();
  const did = agent.assertDid;
  const archive = await unpackedArchive(agent.session!.accessJwt);
  const fresh = new AtpAgent({ service: reference.url });
  const { data: described } = await fresh.com.atproto.server.describeServer();
  const { data: auth } = await agent.com.atproto.server.getServiceAuth({ aud: described.did, lxm: 'com.atproto.server.createAccount', exp: Math.floor(Date.now() / 1_000) + 600 });
  await ours.close();

  await fresh.com.atproto.server.createAccount({ did, handle: 'leaver.test', email: 'leaver@example.com', password }, { headers: { authorization: `Bearer ${auth.token}` }, encoding: 'application/json' });
  await fresh.login({ identifier: did, password });
  const car = readFileSync(join(archive, 'repo.car'));
  await fresh.com.atproto.repo.importRepo(car, { encoding: 'application/vnd.ipld.car' });
  expect((await fresh.com.atproto.repo.listMissingBlobs()).data.blobs).toHaveLength(files.length);
  const types = JSON.parse(readFileSync(join(archive, 'types.json'), 'utf8')) as Record<string, string>;
  const blobs = readdirSync(join(archive, 'blobs'));
  for (const cid of blobs) {
    const { data } = await fresh.com.atproto.repo.uploadBlob(readFileSync(join(archive, 'blobs', cid)), { encoding: types[cid] ?? 'image/png' });
    expect(String(data.blob.ref)).toBe(cid);
  }
  await fresh.app.bsky.actor.putPreferences(JSON.parse(readFileSync(join(archive, 'preferences.json'), 'utf8')) as Parameters<AtpAgent['app']['bsky']['actor']['putPreferences']>[0]);

  expect((await fresh.com.atproto.repo.listMissingBlobs()).data.blobs).toEqual([]);
  expect((await fresh.com.atproto.server.checkAccountStatus()).data).toMatchObject({ activated: false, indexedRecords: 63, expectedBlobs: 3, importedBlobs: 3 });
  expect((await fresh.app.bsky.actor.getPreferences()).data.preferences).toEqual(preferences);

  const state = await stateOf(did);
  const { data: wanted } = await fresh.com.atproto.identity.getRecommendedDidCredentials();
  const operation = signPlcOperation<UnsignedPlcUpdate>({
    type: 'plc_operation', prev: state.cid, rotationKeys: [key.did, ...(wanted.rotationKeys ?? [])], alsoKnownAs: wanted.alsoKnownAs ?? [],
    verificationMethods: wanted.verificationMethods as UnsignedPlcUpdate['verificationMethods'], services: wanted.services as UnsignedPlcUpdate['services'],
  }, key);
  expect((await fetch(`${plcUrl}/${did}`, { method: 'POST', body: JSON.stringify(operation), headers: { 'content-type': 'application/json' } })).status).toBe(200);
  await fresh.com.atproto.server.activateAccount();

  const { data: given } = await fresh.com.atproto.sync.getRepo({ did });
  const blocksOf = (bytes: Uint8Array): Map<string, string> => new Map([...readCar(bytes).blocks].map(([cid, block]) => [cid.toString(), Buffer.from(block).toString('base64')]));
  expect(blocksOf(given)).toEqual(blocksOf(car));
  for (const { bytes } of files) {
    const cid = blobs.find((name) => readFileSync(join(archive, 'blobs', name)).equals(bytes))!;
    expect(Buffer.from((await fresh.com.atproto.sync.getBlob({ did, cid })).data).equals(bytes)).toBe(true);
  }
  await fresh.post({ text: 'from my new home', createdAt: new Date().toISOString() });
  expect((await fresh.com.atproto.server.checkAccountStatus()).data).toMatchObject({ activated: true, validDid: true, indexedRecords: 64 });
}, 120_000);
