/** What the operator's page asks: the overview, relays and mail, accounts with their states, blobs that are not right, and the trail of acts. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { mintServiceJwt } from '@dunlin/protocol/crypto/service-jwt';
import { createPlcGenesis } from '@dunlin/protocol/identity/plc-operation';
import { post, startSmallPds, type Answer, type CallOptions, type Person, type SmallPds } from '../small-pds.ts';

let small: SmallPds;
let relay: Server;
let relayUrl = '';
const asked: string[] = [];
const moderationKey = Keypair.generate();
const moderation = createPlcGenesis({ signingKey: moderationKey.did, rotationKeys: [moderationKey.did], rotationKeypair: moderationKey, handle: 'mod.example.org', pdsUrl: 'https://mod.example.org' });
const people = {} as Record<'alice' | 'bob', Person>;
beforeAll(async () => {
  relay = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    request.resume();
    const isStatus = request.url!.includes('getHostStatus');
    response.setHeader('content-type', 'application/json');
    response.end(isStatus ? '{"hostname":"x","status":"active","seq":7,"accountCount":2}' : '{}');
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => relay.once('listening', resolve));
  relayUrl = `http://127.0.0.1:${(relay.address() as AddressInfo).port}`;
  small = await startSmallPds({ environment: { PDS_CRAWLERS: `${relayUrl},http://127.0.0.1:1`, PDS_MOD_SERVICE_DID: moderation.did, PDS_MOD_SERVICE_URL: 'https://mod.example.org' } });
  await fetch(`${small.plc.url}/${moderation.did}`, { method: 'POST', body: JSON.stringify(moderation.operation), headers: { 'content-type': 'application/json' } });
  people.alice = await small.newPerson('alice');
  people.bob = await small.newPerson('bob');
});
afterAll(async () => {
  await small.close();
  relay.closeAllConnections();
  await new Promise((resolve) => relay.close(resolve));
});

const asAdmin = (nsid: string, options: CallOptions = {}): Promise<Answer> => small.call(nsid, { ...options, headers: { ...small.admin, 'user-agent': 'test' } });
const own = (name: string, options: CallOptions = {}): Promise<Answer> => asAdmin(`app.dunlin.admin.${name}`, options);
const acts = async (params: Record<string, string | number> = {}): Promise<Record<string, unknown>[]> =>
  (await own('listActs', { params })).json['acts'] as Record<string, unknown>[];

test('nobody but the operator may ask', async () => {
  for (const name of ['getOverview', 'getNeighbours', 'listAccounts', 'reviewBlobs', 'listActs', 'listMailCodes']) {
    expect((await small.call(`app.dunlin.admin.${name}`, { token: people.alice.token })).status).toBe(401);
  }
  expect((await small.call('app.dunlin.admin.requestCrawl', { body: {}, token: people.alice.token })).status).toBe(401);
});

test('the overview counts accounts, events and bytes, and looks at the disk', async () => {
  const { json } = await own('getOverview');
  expect(json).toMatchObject({
    version: expect.any(String), url: small.url, accounts: { active: 2, deactivated: 0, takendown: 0 }, inviteCodeRequired: false,
    events: { headSeq: 8, oldestSeq: 1, perMinute: 8, readers: [] }, relays: [relayUrl, 'http://127.0.0.1:1'],
  });
  expect(json['storage']).toMatchObject({ blobs: 0, eventBytes: 0, dataDisk: { freeBytes: expect.any(Number), totalBytes: expect.any(Number) } });
  expect((json['storage'] as { databaseBytes: number }).databaseBytes).toBeGreaterThan(100_000);
});

test('relays are asked what they say of us, and asked to crawl; one that does not answer is told of and keeps nobody waiting', async () => {
  const { json } = await own('getNeighbours');
  expect(json).toEqual({
    relays: [{ relay: relayUrl, status: 'active', seq: 7, accountCount: 2 }, { relay: 'http://127.0.0.1:1', fault: expect.stringContaining('does not answer') }],
    mail: { isOn: false }, moderationMail: { isOn: false },
  });
  asked.length = 0;
  expect((await own('requestCrawl', { body: {} })).json['relays']).toMatchObject([{ relay: relayUrl }, { fault: expect.any(String) }]);
  expect((await own('requestCrawl', { body: { relays: [`${relayUrl}/any`] } })).json['relays']).toEqual([{ relay: relayUrl }]);
  expect(asked).toEqual(Array(2).fill('POST /xrpc/com.atproto.sync.requestCrawl'));
  expect((await own('requestCrawl', { body: { relays: ['ftp://x.example'] } })).status).toBe(400);
});

test('accounts are found by part of handle, address or DID, by state, and page by page, the newest first', async () => {
  const list = async (params: Record<string, string | number>): Promise<string[]> =>
    ((await own('listAccounts', { params })).json['accounts'] as { handle: string }[]).map(({ handle }) => handle);
  expect(await list({})).toEqual(['bob.test', 'alice.test']);
  expect(await list({ q: '@ALICE' })).toEqual(['alice.test']);
  expect(await list({ q: 'bob@people' })).toEqual(['bob.test']);
  expect(await list({ q: people.bob.did.slice(12) })).toEqual(['bob.test']);
  expect(await list({ q: 'nobody' })).toEqual([]);
  await asAdmin('com.atproto.admin.updateSubjectStatus', { body: { subject: { $type: 'com.atproto.admin.defs#repoRef', did: people.bob.did }, takedown: { applied: true, ref: 'case 7' } } });
  expect(await list({ state: 'takendown' })).toEqual(['bob.test']);
  expect(await list({ state: 'active' })).toEqual(['alice.test']);
  expect((await own('listAccounts', { params: { state: 'asleep' } })).status).toBe(400);
  const first = await own('listAccounts', { params: { limit: 1 } });
  expect(first.json['accounts']).toMatchObject([{ handle: 'bob.test', state: 'takendown' }]);
  const second = await own('listAccounts', { params: { limit: 1, cursor: String(first.json['cursor']) } });
  expect(second.json['accounts']).toMatchObject([{ handle: 'alice.test', state: 'active', email: 'alice@people.org' }]);
  expect((await own('listAccounts', { params: { limit: 1, cursor: String(second.json['cursor']) } })).json).toEqual({ accounts: [] });
});

test('one account is shown with its sessions, factors, repository and blobs; accounts with blobs that are not right are found', async () => {
  const { alice: { did, token } } = people;
  const upload = await small.call('com.atproto.repo.uploadBlob', { body: Buffer.from('unused'), headers: { 'content-type': 'text/plain' }, token });
  expect(upload.status).toBe(200);
  await small.call('com.atproto.repo.createRecord', { body: { repo: did, collection: 'app.bsky.feed.post', record: post('one') }, token });
  for (const account of [did, 'alice.test', 'alice@people.org']) {
    expect((await own('getAccount', { params: { account } })).json).toMatchObject({
      account: { did, handle: 'alice.test', email: 'alice@people.org' }, state: 'active', sessions: 1, oauthSessions: 0, appPasswords: 0,
      factors: { totp: false, passkeys: 0, recoveryCodes: 0 }, repo: { records: 1, blocks: 3 }, blobs: { named: 0, missing: 0, unused: 1, unusedBytes: 6 },
    });
  }
  expect((await own('getAccount', { params: { account: people.bob.did } })).json).toMatchObject({ state: 'takendown', takedownRef: 'case 7', sessions: 0 });
  expect((await own('getAccount', { params: { account: 'nobody.test' } })).json['error']).toBe('NotFound');
  expect((await own('reviewBlobs')).json).toEqual({ looked: 2, accounts: [{ did, handle: 'alice.test', blobs: { named: 0, missing: 0, unused: 1, unusedBytes: 6 } }] });
});

test('codes of all accounts are listed at once', async () => {
  await small.call('com.atproto.server.requestAccountDelete', { method: 'POST', token: people.alice.token });
  expect((await own('listMailCodes')).json['codes']).toMatchObject([{ did: people.alice.did, handle: 'alice.test', purpose: 'delete_account', code: expect.any(String) }]);
});

describe('the trail of acts', () => {
  test('keeps what was done with what came of it, by the DID it was done to, without secrets', async () => {
    const { alice: { did } } = people;
    await asAdmin('com.atproto.admin.updateAccountPassword', { body: { did, password: 'hidden word' } });
    await asAdmin('com.atproto.admin.updateAccountEmail', { body: { account: 'alice.test', email: 'bob@people.org' } });
    await asAdmin('com.atproto.admin.sendEmail', { body: { recipientDid: did, senderDid: did, content: 'hidden letter', subject: 'Hello' } });
    const found = await acts({ subject: did });
    expect(found).toMatchObject([
      { method: 'com.atproto.admin.sendEmail', input: { subject: 'Hello', content: '(not kept)' }, status: 200 },
      { method: 'com.atproto.admin.updateAccountEmail', status: 400, outcome: expect.stringContaining('already in use') },
      { method: 'com.atproto.admin.updateAccountPassword', actor: 'operator', address: expect.stringContaining('127.0.0.1'), agent: 'test', subject: did, status: 200, input: { did, password: '(not kept)' } },
    ]);
    expect(JSON.stringify(found)).not.toContain('hidden');
  });

  test('keeps no reading, no refused caller, no unreadable input, and of refreshIdentity only the operator\'s', async () => {
    const before = await acts();
    await own('getOverview');
    await small.call('com.atproto.admin.deleteAccount', { body: { did: people.alice.did }, headers: { authorization: `Basic ${btoa('admin:wrong')}` } });
    await asAdmin('com.atproto.admin.deleteAccount', { body: { did: 'nonsense' } });
    await small.call('com.atproto.identity.refreshIdentity', { body: { identifier: 'alice.test' }, token: people.alice.token });
    expect(await acts()).toEqual(before);
    await asAdmin('com.atproto.identity.refreshIdentity', { body: { identifier: 'alice.test' } });
    await asAdmin('com.atproto.server.createInviteCode', { body: { useCount: 1 } });
    const [invite, refresh, ...rest] = await acts();
    expect([invite, refresh]).toMatchObject([{ method: 'com.atproto.server.createInviteCode' }, { method: 'com.atproto.identity.refreshIdentity', subject: people.alice.did }]);
    expect(rest).toEqual(before);
  });

  test('no field of an input keeps an act out of it; only a call that goes on with a remembered one is not told of again', async () => {
    const { alice: { did } } = people;
    const count = async (): Promise<number> => (await acts({ limit: 500 })).length;
    const before = await count();
    await asAdmin('com.atproto.admin.updateAccountPassword', { body: { did, password: 'x', cursor: '0' } });
    await asAdmin('com.atproto.admin.updateAccountPassword', { body: { did, password: 'x', dryRun: true } });
    expect(await count()).toBe(before + 2);
    const cid = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku';
    const cursor = `${did} ${cid}`;
    await own('purgeBlobs', { body: { did, cursor } });
    expect(await count()).toBe(before + 3);
    await own('purgeBlobs', { body: { did, cursor } });
    expect(await count()).toBe(before + 3);
    await own('purgeBlobs', { body: { did, cursor, cids: [cid] } });
    await own('purgeBlobs', { body: { did: people.bob.did, cursor } });
    expect(await count()).toBe(before + 5);
  });

  test('names the moderation service where that acted, by its token', async () => {
    const { alice: { did } } = people;
    const token = mintServiceJwt({ issuer: moderation.did, audience: String((await small.call('com.atproto.server.describeServer')).json['did']), lxm: 'com.atproto.admin.updateSubjectStatus', keypair: moderationKey, nowMs: Date.now() });
    const body = { subject: { $type: 'com.atproto.admin.defs#repoRef', did }, takedown: { applied: false } };
    expect((await small.call('com.atproto.admin.updateSubjectStatus', { body, token })).status).toBe(200);
    expect((await acts())[0]).toMatchObject({ actor: moderation.did, subject: did, method: 'com.atproto.admin.updateSubjectStatus', status: 200 });
  });

  test('is read page by page and outlives a restart', async () => {
    const all = await acts();
    const first = await own('listActs', { params: { limit: 2 } });
    const second = await own('listActs', { params: { limit: 500, cursor: String(first.json['cursor']) } });
    expect([...(first.json['acts'] as object[]), ...(second.json['acts'] as object[])]).toEqual(all);
    expect((await own('listActs', { params: { cursor: 'x' } })).status).toBe(400);
    await small.restart();
    expect(await acts()).toEqual(all);
  });
});
