/**
 * Moving house between a reference PDS and ours, in both directions, step by step in the order of `goat account migrate`, with real
 * mails. A strict consumer behind our relay watches: it verifies every commit against the key of the DID document of the moment,
 * and must not have to drop anything.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AtpAgent } from '@atproto/api';
import { FirehoseConsumer, memoryCursor, type ConsumerEvent } from '@dunlin/firehose-consumer';
import { parseDidKey } from '@dunlin/protocol/crypto/did-key';
import { verifyRepoCar } from '@dunlin/protocol/repo/verify-repo';
import { silentLogger } from '@dunlin/service/log/logger';
import { startPds } from '../../pds/src/pds.ts';
import { readPdsConfig } from '../../pds/src/config.ts';
import { startPlc } from '../../plc/src/plc.ts';
import { startRelay } from '../../relay/src/relay.ts';
import { readRelayConfig } from '../../relay/src/config.ts';
import { startReferencePds } from '../harness/reference-pds.ts';
import { temporaryFolder } from '../harness/temporary.ts';
import { eventually } from '../harness/wait.ts';
import { startMailServer, type MailServer } from '../pds/mail/mail-server.ts';

let closers: (() => Promise<unknown>)[] = [];
let mail: MailServer;
let plcUrl: string;
let relayUrl: string;
let ours: string;
let reference: string;
let consumer: FirehoseConsumer;
const seen: ConsumerEvent[] = [];
const drops: unknown[] = [];

beforeAll(async () => {
  const folder = await temporaryFolder();
  closers = [() => folder.remove()];
  const own = async <T extends { close(): Promise<unknown> }>(started: Promise<T>): Promise<T> => {
    const server = await started;
    closers.push(() => server.close());
    return server;
  };
  mail = await own(startMailServer());
  const plc = await own(startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:' }, { log: silentLogger }));
  plcUrl = plc.url.replace('127.0.0.1', 'localhost');
  await mkdir(join(folder.path, 'relay'));
  const relay = await own(startRelay(readRelayConfig({
    RELAY_API_BIND: '127.0.0.1:0', RELAY_METRICS_LISTEN: '127.0.0.1:0', RELAY_PERSIST_DIR: join(folder.path, 'relay'), RELAY_PLC_HOST: plc.url, RELAY_ALLOW_INSECURE_HOSTS: 'true',
  }), { log: silentLogger }));
  relayUrl = relay.url;
  const email = { PDS_EMAIL_SMTP_URL: mail.url, PDS_EMAIL_FROM_ADDRESS: 'pds@example.org', PDS_CRAWLERS: relayUrl };
  const pds = await own(startPds(readPdsConfig({
    PDS_HOSTNAME: 'localhost', PDS_PORT: '0', PDS_DATA_DIRECTORY: join(folder.path, 'pds'), PDS_DID_PLC_URL: plc.url, PDS_SERVICE_HANDLE_DOMAINS: '.test', PDS_DEV_MODE: 'true', ...email,
  }), { log: silentLogger }));
  ours = pds.url;
  reference = (await own(startReferencePds({ plc: plcUrl, environment: email }))).url;
  await fetch(`${relayUrl}/xrpc/com.atproto.sync.requestCrawl`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ hostname: new URL(reference).host }) });
  consumer = new FirehoseConsumer({
    service: relayUrl, cursor: 0, cursorStore: memoryCursor(), verify: 'full', identity: { plcUrl: plc.url }, onDrop: (drop) => void drops.push(drop),
  });
  const done = consumer.run((event) => void seen.push(event));
  closers.push(async () => {
    await consumer.close();
    await done;
  });
});
afterAll(async () => {
  for (const close of closers.toReversed()) await close();
});

const post = (text: string): { text: string; createdAt: string } => ({ text, createdAt: new Date().toISOString() });
const arrived = (uri: string): Promise<unknown> =>
  eventually(`${uri} arrives`, () => seen.some((event) => event.kind === 'record' && event.uri === uri));

/** Moves an account as `goat account migrate` does, and gives an agent of its new home. */
async function migrate(old: AtpAgent, o: { to: string; handle: string; email: string; password: string }): Promise<AtpAgent> {
  const did = old.assertDid;
  await old.com.atproto.identity.requestPlcOperationSignature();
  const plcToken = mail.codeFor(o.email);
  const fresh = new AtpAgent({ service: o.to });
  const { data: described } = await fresh.com.atproto.server.describeServer();
  const { data: auth } = await old.com.atproto.server.getServiceAuth({ aud: described.did, lxm: 'com.atproto.server.createAccount', exp: Math.floor(Date.now() / 1000) + 60 });
  await fresh.com.atproto.server.createAccount({ did, handle: o.handle, email: o.email, password: o.password }, { headers: { authorization: `Bearer ${auth.token}` }, encoding: 'application/json' });
  await fresh.login({ identifier: did, password: o.password });
  const { data: car } = await old.com.atproto.sync.getRepo({ did });
  await fresh.com.atproto.repo.importRepo(car, { encoding: 'application/vnd.ipld.car' });
  const { data: preferences } = await old.app.bsky.actor.getPreferences();
  await fresh.app.bsky.actor.putPreferences(preferences);
  for (let cursor: string | undefined; ;) {
    const { data: page } = await old.com.atproto.sync.listBlobs({ did, limit: 100, ...(cursor !== undefined && { cursor }) });
    for (const cid of page.cids) {
      const { data: blob } = await old.com.atproto.sync.getBlob({ did, cid });
      await fresh.com.atproto.repo.uploadBlob(blob, { encoding: '*/*' });
    }
    cursor = page.cursor;
    if (cursor === undefined) break;
  }
  const { data: status } = await fresh.com.atproto.server.checkAccountStatus();
  expect(status).toMatchObject({ activated: false, validDid: false, expectedBlobs: 1, importedBlobs: 1 });
  expect((await fresh.com.atproto.repo.listMissingBlobs()).data.blobs).toEqual([]);
  const { data: credentials } = await fresh.com.atproto.identity.getRecommendedDidCredentials();
  const { data: signed } = await old.com.atproto.identity.signPlcOperation({ token: plcToken, ...credentials });
  await fresh.com.atproto.identity.submitPlcOperation({ operation: signed.operation });
  await fresh.com.atproto.server.activateAccount();
  await old.com.atproto.server.deactivateAccount({});
  return fresh;
}

test.each([['the reference', 'ours'], ['ours', 'the reference']])('an account moves from %s to %s', async (from, to) => {
  const [oldUrl, newUrl] = from === 'ours' ? [ours, reference] : [reference, ours];
  const name = from === 'ours' ? 'leaver' : 'comer';
  const person = { handle: `${name}.test`, email: `${name}@example.com`, password: 'a password of some length' };
  const old = new AtpAgent({ service: oldUrl });
  await old.createAccount(person);
  const did = old.assertDid;
  const { data: upload } = await old.com.atproto.repo.uploadBlob(Buffer.from('\x89PNG\r\n\x1a\nnot much of an image', 'latin1'), { encoding: 'image/png' });
  await old.com.atproto.repo.putRecord({ repo: did, collection: 'app.bsky.actor.profile', rkey: 'self', record: { displayName: 'Mover', avatar: upload.blob } });
  await old.app.bsky.actor.putPreferences({ preferences: [{ $type: 'app.bsky.actor.defs#adultContentPref', enabled: false }] });
  const before = await old.post(post('from my old home'));
  for (let index = 0; index < 30; index++) await old.post(post(`post ${index}`));
  await arrived(before.uri);

  const fresh = await migrate(old, { ...person, to: newUrl });
  const { data: status } = await fresh.com.atproto.server.checkAccountStatus();
  expect(status).toMatchObject({ activated: true, validDid: true, indexedRecords: 32 });
  expect((await fresh.app.bsky.actor.getPreferences()).data.preferences).toEqual([{ $type: 'app.bsky.actor.defs#adultContentPref', enabled: false }]);
  const after = await fresh.post(post('from my new home'));
  await arrived(after.uri);
  await eventually('the relay has the account at its new home', () => sameHead(did, newUrl));
  const document = (await (await fetch(`${plcUrl}/${did}`)).json()) as { verificationMethod: { publicKeyMultibase: string }[]; service: { serviceEndpoint: string }[] };
  expect(document.service[0]?.serviceEndpoint).toBe(newUrl);
  const { data: car } = await fresh.com.atproto.sync.getRepo({ did });
  const { commit, recordCount } = verifyRepoCar(car, did, parseDidKey(`did:key:${document.verificationMethod[0]?.publicKeyMultibase}`));
  expect([commit.did, recordCount]).toEqual([did, 33]);
  const { data: blob } = await fresh.com.atproto.sync.getBlob({ did, cid: String(upload.blob.ref) });
  expect(Buffer.from(blob).toString('latin1')).toContain('not much of an image');
  expect((await old.com.atproto.server.checkAccountStatus()).data.activated).toBe(false);
  expect(drops).toEqual([]);
  // One when it was made, one when it came into service here; the reference signs the latter with the old key, so our relay drops it.
  const announced = seen.filter((event) => event.kind === 'sync' && event.did === did);
  expect(announced).toHaveLength(to === 'ours' ? 2 : 1);
}, 120_000);

async function sameHead(did: string, url: string): Promise<boolean> {
  const [atRelay, atHome] = await Promise.all([relayUrl, url].map(async (base) => (await fetch(`${base}/xrpc/com.atproto.sync.getLatestCommit?did=${did}`)).json() as Promise<{ cid?: string }>));
  return atRelay?.cid !== undefined && atRelay.cid === atHome?.cid;
}
