/**
 * Accounts whose DID is a did:web, all the way: one whose document its owner hosts, and one whose document the PDS writes. A relay and a
 * consumer that verifies everything take their commits, through changes of handle and key, a move to another PDS, and the end.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '@dunlin/protocol/base/clock';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { mintServiceJwt } from '@dunlin/protocol/crypto/service-jwt';
import { createIdentityResolver } from '@dunlin/protocol/identity/resolver';
import { silentLogger } from '@dunlin/service/log/logger';
import { FirehoseConsumer, type ConsumerEvent } from '../../firehose-consumer/src/index.ts';
import { readRelayConfig } from '../../relay/src/config.ts';
import { startRelay, type RunningRelay } from '../../relay/src/relay.ts';
import { temporaryFolder } from '../harness/temporary.ts';
import { eventually } from '../harness/wait.ts';
import { call, startSmallPds, type Answer, type SmallPds } from '../pds/small-pds.ts';
import { wildcardFetch } from '../pds/wildcard-fetch.ts';

const domain = '.people.dunlin-test.org';
const nowhere = `lost${domain}`;

let home: SmallPds;
let other: SmallPds;
let relay: RunningRelay;
let consumer: FirehoseConsumer;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const seen: ConsumerEvent[] = [];
const drops: unknown[] = [];

/** One name below our domain does not lead to the first PDS. */
const byName = wildcardFetch(domain, () => home.url, nowhere);
const resolveTxt = (): Promise<string[][]> => Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }));

beforeAll(async () => {
  folder = await temporaryFolder();
  home = await startSmallPds({ fetch: byName, resolveTxt, environment: { PDS_SERVICE_HANDLE_DOMAINS: `${domain},.test`, PDS_HOSTED_DID_WEB: 'true', PDS_SERVICE_DID: `did:web:harbour${domain}` } });
  other = await startSmallPds({ fetch: byName, resolveTxt });
  relay = await startRelay(readRelayConfig({
    RELAY_API_BIND: '127.0.0.1:0', RELAY_METRICS_LISTEN: '127.0.0.1:0', RELAY_PERSIST_DIR: join(folder.path, 'relay'), RELAY_PLC_HOST: home.plc.url, RELAY_ALLOW_INSECURE_HOSTS: 'true',
  }), { log: silentLogger, fetch: byName, resolveTxt, hostBackoff: { minMs: 5, maxMs: 50 } });
  const identity = createIdentityResolver({ plcUrl: home.plc.url, fetch: byName, resolveTxt, clock: systemClock, allowInsecure: true });
  consumer = new FirehoseConsumer({ service: relay.url, cursor: 0, unit: 'commit', verify: 'full', identity, onDrop: (drop) => void drops.push(drop) });
  void consumer.run(async (event) => void seen.push(event));
  for (const { url } of [home, other]) await call(relay.url, 'com.atproto.sync.requestCrawl', { body: { hostname: new URL(url).host } });
});
afterAll(async () => {
  await consumer?.close();
  await relay?.close();
  await home?.close();
  await other?.close();
  await folder?.remove();
});

const write = (pds: SmallPds, who: { did: string; token: string }, rkey: string): Promise<Answer> =>
  pds.call('com.atproto.repo.createRecord', { body: { repo: who.did, collection: 'com.example.note', rkey, record: { rkey } }, token: who.token });

/** Writes a record and waits until the consumer has it, proved. */
async function arrives(pds: SmallPds, who: { did: string; token: string }, rkey: string): Promise<void> {
  expect((await write(pds, who, rkey)).status).toBe(200);
  const isThere = (event: ConsumerEvent): boolean => event.kind === 'commit' && event.did === who.did && event.ops.some((operation) => operation.rkey === rkey);
  await eventually(`${rkey} arrives`, () => seen.some(isThere)).catch((fault: unknown) => {
    throw new Error(`${rkey} did not arrive; dropped: ${JSON.stringify(drops.slice(-3))}`, { cause: fault });
  });
}

async function codeOf(pds: SmallPds, who: { did: string; token: string }): Promise<string> {
  await pds.call('com.atproto.identity.requestPlcOperationSignature', { method: 'POST', token: who.token });
  const { json } = await pds.call('app.dunlin.admin.listMailCodes', { headers: pds.admin, params: { account: who.did } });
  return (json['codes'] as { purpose: string; code: string }[]).find(({ purpose }) => purpose === 'plc_operation')!.code;
}

const documentAt = (host: string): Promise<Response> => byName(`https://${host}/.well-known/did.json`);

describe('a did:web whose document its owner hosts', () => {
  let host: Server;
  let document: Record<string, unknown> = {};
  const ownKey = Keypair.generate();
  const who = { did: '', token: '' };
  const describe = (key: string, endpoint: string, handle: string): void => void (document = {
    id: who.did, alsoKnownAs: [`at://${handle}`],
    verificationMethod: [{ id: `${who.did}#atproto`, type: 'Multikey', controller: who.did, publicKeyMultibase: key.slice('did:key:'.length) }],
    service: [{ id: '#atproto_pds', type: 'AtprotoPersonalDataServer', serviceEndpoint: endpoint }],
  });
  beforeAll(async () => {
    host = createServer((request, response) => response.setHeader('content-type', 'application/json').end(request.url === '/.well-known/did.json' ? JSON.stringify(document) : '{}')).listen(0, '127.0.0.1');
    await new Promise((resolve) => host.once('listening', resolve));
    who.did = `did:web:localhost%3A${(host.address() as AddressInfo).port}`;
    describe(ownKey.did, 'https://old.example.org', 'mia.test');
  });
  afterAll(() => {
    host.closeAllConnections();
    host.close();
  });

  test('moves in with a token its key signed, and not with another\'s', async () => {
    const audience = String((await home.call('com.atproto.server.describeServer')).json['did']);
    const signUp = (keypair: Keypair | null): Promise<Answer> => home.call('com.atproto.server.createAccount', {
      body: { handle: 'mia.test', did: who.did, email: 'mia@people.org', password: 'mia password' },
      ...(keypair && { token: mintServiceJwt({ issuer: who.did, audience, lxm: 'com.atproto.server.createAccount', keypair, nowMs: Date.now() }) }),
    });
    expect((await signUp(null)).status).toBe(401);
    expect((await signUp(Keypair.generate())).status).toBe(401);
    const made = await signUp(ownKey);
    expect(made.json).toMatchObject({ did: who.did, handle: 'mia.test' });
    who.token = String(made.json['accessJwt']);
  });

  test('goes into service once its document names this server and the key here, and its commits arrive', async () => {
    const activate = (): Promise<Answer> => home.call('com.atproto.server.activateAccount', { method: 'POST', token: who.token });
    expect((await activate()).json['message']).toContain('does not name this server');
    const { json } = await home.call('com.atproto.identity.getRecommendedDidCredentials', { token: who.token });
    const key = (json['verificationMethods'] as { atproto: string }).atproto;
    describe(key, home.url, 'mia.test');
    expect((await activate()).status).toBe(200);
    await arrives(home, who, 'own-first');
    const rename = (): Promise<Answer> => home.call('com.atproto.identity.updateHandle', { body: { handle: 'mia2.test' }, token: who.token });
    expect((await rename()).status).toBe(400);
    describe(key, home.url, 'mia2.test');
    expect((await rename()).status).toBe(200);
    await arrives(home, who, 'own-second');
  });
});

describe('a did:web whose document the PDS writes', () => {
  const who = { did: `did:web:alice${domain}`, token: '' };
  const signUp = (handle: string, did = `did:web:${handle}`): Promise<Answer> =>
    home.call('com.atproto.server.createAccount', { body: { handle, did, email: `${handle.split('.')[0]}@people.org`, password: 'a password' } });

  test('is made for a handle of this server that leads here, and for nothing else', async () => {
    const made = await signUp(`alice${domain}`);
    expect(made.json).toMatchObject({ did: who.did, handle: `alice${domain}`, didDoc: { id: who.did, alsoKnownAs: [`at://alice${domain}`] } });
    who.token = String(made.json['accessJwt']);
    await arrives(home, who, 'first');
    expect((await signUp(nowhere)).json['error']).toBe('UnresolvableDid');
    expect((await signUp(`harbour${domain}`)).json).toMatchObject({ error: 'IncompatibleDidDoc', message: expect.stringContaining('is taken') });
    expect((await home.call('com.atproto.server.createAccount', { body: { handle: `key${domain}`, did: `did:web:key${domain}`, recoveryKey: Keypair.generate().did } })).json['error']).toBe('IncompatibleDidDoc');
    expect((await signUp('lena.test')).json['error']).toBe('UnresolvableDid');
    expect((await signUp(`bob${domain}`, `did:web:carl${domain}`)).status).toBe(401);
    expect((await signUp(`bob${domain}`, 'did:web:example.org')).status).toBe(401);
    expect((await other.call('com.atproto.server.createAccount', { body: { handle: 'anna.test', did: 'did:web:anna.test' } })).status).toBe(401);
    expect((await home.call('com.atproto.server.createAccount', { body: { handle: 'lena.test' } })).status).toBe(200);
    expect((await documentAt(nowhere)).status).toBe(404);
  });

  test('follows its account: handle and key are in the document at once; the old name stays its own', async () => {
    expect((await home.call('com.atproto.identity.updateHandle', { body: { handle: `alicia${domain}` }, token: who.token })).status).toBe(200);
    const { json } = await home.call('com.atproto.server.reserveSigningKey', { body: {} });
    const signingKey = String(json['signingKey']);
    expect((await home.call('com.atproto.admin.updateAccountSigningKey', { body: { did: who.did, signingKey }, headers: home.admin })).status).toBe(200);
    const document = (await (await documentAt(`alice${domain}`)).json()) as Record<string, object[]>;
    expect(document).toMatchObject({ id: who.did, alsoKnownAs: [`at://alicia${domain}`], verificationMethod: [{ publicKeyMultibase: signingKey.slice('did:key:'.length) }], service: [{ serviceEndpoint: home.url }] });
    await arrives(home, who, 'new-key');
    expect((await home.call('com.atproto.server.createAccount', { body: { handle: `alice${domain}` } })).json['error']).toBe('HandleNotAvailable');
    expect((await home.call('com.atproto.temp.checkHandleAvailability', { params: { handle: `alice${domain}` } })).json['result']).toMatchObject({ $type: 'com.atproto.temp.checkHandleAvailability#resultUnavailable' });
    expect((await home.call('com.atproto.identity.updateHandle', { body: { handle: `alice${domain}` }, token: who.token })).status).toBe(200);
  });

  test('stays through a takedown', async () => {
    const set = (applied: boolean): Promise<Answer> => home.call('com.atproto.admin.updateSubjectStatus', { headers: home.admin, body: { subject: { $type: 'com.atproto.admin.defs#repoRef', did: who.did }, takedown: { applied } } });
    await set(true);
    expect((await documentAt(`alice${domain}`)).status).toBe(200);
    await set(false);
    const { json } = await home.call('com.atproto.server.createSession', { body: { identifier: who.did, password: 'a password' } });
    who.token = String(json['accessJwt']);
  });

  test('moves to another PDS with a code, its document goes along, and moves on from there without its first home\'s account', async () => {
    const audience = String((await other.call('com.atproto.server.describeServer')).json['did']);
    const { json: { token } } = await home.call('com.atproto.server.getServiceAuth', { params: { aud: audience, lxm: 'com.atproto.server.createAccount' }, token: who.token });
    const made = await other.call('com.atproto.server.createAccount', { body: { handle: `alice${domain}`, did: who.did, email: 'alice@people.org', password: 'other password' }, token: String(token) });
    expect(made.status).toBe(200);
    const there = { did: who.did, token: String(made.json['accessJwt']) };
    const { bytes } = await home.call('com.atproto.sync.getRepo', { params: { did: who.did } });
    expect((await other.call('com.atproto.repo.importRepo', { body: bytes, headers: { 'content-type': 'application/vnd.ipld.car' }, token: there.token })).status).toBe(200);
    const { json: wanted } = await other.call('com.atproto.identity.getRecommendedDidCredentials', { token: there.token });
    const signingKey = (wanted['verificationMethods'] as { atproto: string }).atproto;
    const move = (input: object, as = who.token): Promise<Answer> => home.call('app.dunlin.identity.updateHostedDid', { body: input, token: as });
    const toOther = { signingKey, endpoint: other.url, handle: `alice${domain}` };
    expect((await move({ home: toOther })).status).toBe(400);
    expect((await move({ home: toOther, token: 'AAAAA-AAAAA' })).json['error']).toBe('InvalidToken');
    const proofFor = { aud: String((await home.call('com.atproto.server.describeServer')).json['did']), lxm: 'app.dunlin.identity.updateHostedDid' };
    expect((await home.call('com.atproto.server.getServiceAuth', { params: proofFor, token: who.token })).json['message']).toContain('protected method');
    const { json: { token: early } } = await home.call('app.dunlin.identity.signHostedDidAuth', { body: { token: await codeOf(home, who), aud: proofFor.aud }, token: who.token });
    expect((await move({ home: toOther }, String(early))).json['message']).toContain('the account is kept here');
    const code = await codeOf(home, who);
    expect((await move({ home: { ...toOther, signingKey: 'did:key:z6Mk' }, token: code })).status).toBe(400);
    expect((await move({ home: toOther, token: code })).status).toBe(200);
    expect((await other.call('com.atproto.server.activateAccount', { method: 'POST', token: there.token })).status).toBe(200);
    await arrives(other, there, 'elsewhere');
    // As long as a code can be mailed from here, the key there is not enough, whoever it signs for.
    const signAuth = (token: string): Promise<Answer> => other.call('app.dunlin.identity.signHostedDidAuth', { body: { token, aud: proofFor.aud }, token: there.token });
    const signed = await signAuth(await codeOf(other, there));
    expect((await move({ home: { ...toOther, handle: 'thief.example.net' } }, String(signed.json['token']))).json['message']).toContain('the account is kept here');
    expect((await home.call('com.atproto.admin.deleteAccount', { body: { did: who.did }, headers: home.admin })).status).toBe(200);
    expect(await (await documentAt(`alice${domain}`)).json()).toMatchObject({ service: [{ serviceEndpoint: other.url }] });
    await arrives(other, there, 'after-deletion');

    expect((await other.call('com.atproto.server.getServiceAuth', { params: proofFor, token: there.token })).status).toBe(400);
    expect((await signAuth('AAAAA-AAAAA')).json['error']).toBe('InvalidToken');
    const proof = String((await signAuth(await codeOf(other, there))).json['token']);
    expect((await move({ home: { ...toOther, handle: 'alice.example.net' } }, proof)).status).toBe(200);
    expect(await (await documentAt(`alice${domain}`)).json()).toMatchObject({ alsoKnownAs: ['at://alice.example.net'], service: [{ serviceEndpoint: other.url }] });
    expect((await move({}, String(proof))).status).toBe(400);
  });

  test('ends with an account that lived here, for ever: nobody gets its name again', async () => {
    expect((await signUp(`nora${domain}`)).status).toBe(200);
    await home.call('com.atproto.admin.deleteAccount', { body: { did: `did:web:nora${domain}` }, headers: home.admin });
    expect((await documentAt(`nora${domain}`)).status).toBe(410);
    expect((await signUp(`nora${domain}`)).json['error']).toBe('HandleNotAvailable');
    expect((await home.call('com.atproto.server.createAccount', { body: { handle: `nora${domain}` } })).json['error']).toBe('HandleNotAvailable');
    await home.restart();
    expect((await documentAt(`nora${domain}`)).status).toBe(410);
  });
});
