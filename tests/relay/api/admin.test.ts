import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { decodeFrame } from '@dunlin/protocol/stream/frame';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { eventually } from '../../harness/wait.ts';
import { FakeAccount } from '../fixture/fake-account.ts';
import { TestRelay } from '../fixture/test-relay.ts';
import type { FakeHost } from '../fixture/test-relay.ts';

let relay: TestRelay;
let host: FakeHost;

beforeEach(async () => {
  relay = await TestRelay.start();
  host = await relay.crawledHost();
});

afterEach(() => relay.close());

test('nobody gets in without the password', async () => {
  expect((await relay.get('/admin/pds/list')).status).toBe(401);
  expect((await relay.get('/admin/pds/list', { authorization: `Basic ${Buffer.from('admin:wrong').toString('base64')}` })).status).toBe(401);
  expect((await relay.post('/admin/repo/takeDown', { did: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa' })).status).toBe(401);
  expect((await relay.get('/admin/pds/list', relay.operator)).status).toBe(200);
});

test('a takedown tells consumers, takes the account out of replay, survives a restart, and can be undone', async () => {
  const [alice, bob] = [relay.register(new FakeAccount(), host), relay.register(new FakeAccount(), host)];
  for (let i = 0; i < 3; i++) for (const account of [alice, bob]) host.send(account.commit());
  const live = await relay.consume(0);
  await live.take(6);
  const answer = await relay.post('/admin/repo/takeDown', { did: alice.did }, relay.operator);
  expect(await answer.json()).toEqual({ success: 'true', scrubbedEvents: 3 });
  const told = decodeFrame((await live.take(7))[6] ?? Buffer.alloc(0));
  expect(told).toMatchObject({ t: '#account', body: { did: alice.did, active: false, status: 'takendown' } });
  const replay = await relay.consume(0);
  expect((await replay.take(4)).map((frame) => scanFrame(frame).did)).toEqual([bob.did, bob.did, bob.did, alice.did]);
  expect(await (await relay.get(`/xrpc/com.atproto.sync.getRepoStatus?did=${alice.did}`)).json()).toEqual({ did: alice.did, active: false, status: 'takendown' });
  await relay.restart();
  expect(await (await relay.get('/admin/repo/takedowns', relay.operator)).json()).toEqual({ dids: [alice.did] });
  const after = await relay.consume(0);
  await after.take(4);
  expect((await relay.post(`/admin/repo/reverseTakedown?did=${alice.did}`, undefined, relay.operator)).status).toBe(200);
  expect(decodeFrame((await after.take(5))[4] ?? Buffer.alloc(0))).toMatchObject({ t: '#account', body: { did: alice.did, active: true } });
  host.send(alice.commit());
  expect(scanFrame((await after.take(6))[5] ?? Buffer.alloc(0)).did).toBe(alice.did);
});

test('a blocked host is hung up on and refused until it is unblocked', async () => {
  const connection = await host.firehose.connection(1);
  expect((await relay.post(`/admin/pds/block?host=${host.hostname}`, undefined, relay.operator)).status).toBe(200);
  await connection.closed;
  const refused = await relay.requestCrawl(host.hostname);
  expect([refused.status, ((await refused.json()) as { error: string }).error]).toEqual([400, 'HostBanned']);
  expect(await (await relay.get(`/xrpc/com.atproto.sync.getHostStatus?hostname=${host.hostname}`)).json()).toMatchObject({ status: 'banned' });
  await relay.post(`/admin/pds/unblock?host=${host.hostname}`, undefined, relay.operator);
  await host.firehose.connection(2);
  expect((await relay.post('/admin/pds/block?host=pds.nowhere.com', undefined, relay.operator)).status).toBe(404);
});

test('a banned domain covers the hosts below it', async () => {
  const connection = await host.firehose.connection(1);
  await relay.post('/admin/subs/banDomain', { domain: '127.0.0.1' }, relay.operator);
  await connection.closed;
  expect(await (await relay.get('/admin/subs/listDomainBans', relay.operator)).json()).toEqual({ banned_domains: ['127.0.0.1'] });
  expect((await relay.requestCrawl(host.hostname)).status).toBe(400);
  await relay.post('/admin/subs/unbanDomain', { domain: '127.0.0.1' }, relay.operator);
  expect((await relay.requestCrawl(host.hostname)).status).toBe(200);
});

test('the operator adds hosts beyond the daily limit and sees hosts and consumers', async () => {
  const other = await relay.addHost();
  expect((await relay.post('/admin/pds/requestCrawl', { hostname: other.hostname }, relay.operator)).status).toBe(200);
  await other.firehose.connection(1);
  const hosts = (await (await relay.get('/admin/pds/list', relay.operator)).json()) as { hostname: string }[];
  expect(hosts.map((each) => each.hostname)).toEqual([host.hostname, other.hostname]);
  await relay.consume();
  await eventually('the consumer is listed', async () => ((await (await relay.get('/admin/consumers/list', relay.operator)).json()) as unknown[]).length === 1);
});

test('hosts are listed with the field names of the indigo relay', async () => {
  const alice = relay.register(new FakeAccount(), host);
  host.send(alice.commit());
  const consumer = await relay.consume(0);
  await consumer.take(1);
  const [listed] = (await (await relay.get('/admin/pds/list', relay.operator)).json()) as Record<string, unknown>[];
  expect(listed).toMatchObject({
    ID: 1, Host: host.hostname, SSL: false, Registered: true, Blocked: false, HasActiveConnection: true, RepoCount: 1, UserCount: 1, RepoLimit: 10_000_000,
    EventsSeenSinceStartup: 1, PerSecondEventRate: { Max: 5_000, Window: 1, WindowSeconds: 1 }, PerHourEventRate: { Max: 50_000_000 }, PerDayEventRate: { Max: 500_000_000 },
    state: 'active', isTrusted: true, pause: null,
  });
  expect(Date.parse(String(listed?.['CreatedAt']))).toBeGreaterThan(Date.now() - 600_000);
  const [listening] = (await (await relay.get('/admin/consumers/list', relay.operator)).json()) as Record<string, unknown>[];
  expect(listening).toMatchObject({ id: 0, remote_addr: '127.0.0.1', events_consumed: 1 });
});

test('an upstream connection is hung up on, with or without a block', async () => {
  const connections = async (): Promise<unknown> => (await relay.get('/admin/subs/getUpstreamConns', relay.operator)).json();
  const first = await host.firehose.connection(1);
  await eventually('connected', async () => JSON.stringify(await connections()) === JSON.stringify([host.hostname]));
  expect((await relay.post(`/admin/subs/killUpstream?host=${host.hostname}`, undefined, relay.operator)).status).toBe(200);
  await first.closed;
  expect(await connections()).toEqual([]);
  expect((await relay.post(`/admin/subs/killUpstream?host=${host.hostname}`, undefined, relay.operator)).status).toBe(400);
  expect((await relay.requestCrawl(host.hostname)).status).toBe(200);
  const second = await host.firehose.connection(2);
  expect((await relay.post(`/admin/subs/killUpstream?host=${host.hostname}&block=true`, undefined, relay.operator)).status).toBe(200);
  await second.closed;
  expect((await relay.requestCrawl(host.hostname)).status).toBe(400);
});

test('crawl requests of the public can be turned off and on, and their number a day changed', async () => {
  const ask = async (path: string): Promise<unknown> => (await relay.get(path, relay.operator)).json();
  const [other, third] = [await relay.addHost(), await relay.addHost()];
  expect(await ask('/admin/subs/getEnabled')).toEqual({ enabled: true });
  await relay.post('/admin/subs/setEnabled?enabled=false', undefined, relay.operator);
  expect(await ask('/admin/subs/getEnabled')).toEqual({ enabled: false });
  expect((await relay.requestCrawl(other.hostname)).status).toBe(403);
  expect((await relay.post('/admin/pds/requestCrawl', { hostname: other.hostname }, relay.operator)).status).toBe(200);
  await relay.post('/admin/subs/setEnabled?enabled=true', undefined, relay.operator);
  await relay.post('/admin/subs/setPerDayLimit?limit=1', undefined, relay.operator);
  expect(await ask('/admin/subs/perDayLimit')).toEqual({ limit: 1 });
  expect((await relay.requestCrawl(third.hostname)).status).toBe(429);
  await relay.post('/admin/subs/setPerDayLimit?limit=2', undefined, relay.operator);
  expect((await relay.requestCrawl(third.hostname)).status).toBe(200);
  expect((await relay.post('/admin/subs/setEnabled?enabled=perhaps', undefined, relay.operator)).status).toBe(400);
  expect((await relay.post('/admin/subs/setPerDayLimit?limit=-1', undefined, relay.operator)).status).toBe(400);
});

test('names of fields may be written as the dashboard of indigo writes them', async () => {
  expect((await relay.post('/admin/subs/banDomain', { Domain: 'Noisy.Example.com' }, relay.operator)).status).toBe(200);
  expect(await (await relay.get('/admin/subs/listDomainBans', relay.operator)).json()).toEqual({ banned_domains: ['noisy.example.com'] });
  expect((await relay.post('/admin/subs/banDomain', { domain: 'not a domain' }, relay.operator)).status).toBe(400);
  expect((await relay.post('/admin/subs/banDomain', ['x'], relay.operator)).status).toBe(400);
  const limits = { host: host.hostname, per_second: 5_000, per_hour: 1, per_day: 1, repo_limit: 7 };
  expect((await relay.post('/admin/pds/changeLimits', limits, relay.operator)).status).toBe(200);
  expect((await relay.post('/admin/pds/changeLimits', { host: host.hostname }, relay.operator)).status).toBe(400);
  const [listed] = (await (await relay.get('/admin/pds/list', relay.operator)).json()) as Record<string, unknown>[];
  expect(listed?.['RepoLimit']).toBe(7);
});

test('every act is remembered across a restart with who, what and what came of it; questions and strangers are not', async () => {
  await relay.post('/admin/subs/setPerDayLimit?limit=9', undefined, { ...relay.operator, 'user-agent': 'operator-tool/1' });
  await relay.post('/admin/repo/takeDown', { did: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa' }, relay.operator);
  await relay.get('/admin/pds/list', relay.operator);
  await relay.post('/admin/subs/setPerDayLimit?limit=1000', undefined, {});
  await relay.restart();
  const page = async (query = ''): Promise<{ acts: Record<string, unknown>[]; cursor?: string }> => (await (await relay.get(`/admin/audit${query}`, relay.operator)).json()) as never;
  const { acts, cursor } = await page();
  expect(acts).toMatchObject([
    { id: 2, path: '/admin/repo/takeDown', params: { did: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa' }, status: 404, address: '127.0.0.1', outcome: expect.stringContaining('knows no repository') },
    { id: 1, path: '/admin/subs/setPerDayLimit', params: { limit: '9' }, status: 200, outcome: '', agent: 'operator-tool/1' },
  ]);
  expect(cursor).toBeUndefined();
  const first = await page('?limit=1');
  expect([first.acts.length, first.cursor, (await page(`?limit=1&cursor=${first.cursor}`)).acts[0]?.['id']]).toEqual([1, '2', 1]);
});

test('an account is shown with all that the relay knows of it', async () => {
  const alice = relay.register(new FakeAccount(), host);
  const consumer = await relay.consume();
  host.send(alice.commit());
  await consumer.take(1);
  expect(await (await relay.get(`/admin/repo/status?did=${alice.did}`, relay.operator)).json()).toMatchObject({
    did: alice.did, host: host.origin, active: true, upstream: 'none', local: 'none', rev: alice.head!.rev, commit: alice.head!.cid.toString(),
    desynchronized: false, collections: ['app.bsky.feed.post'], collectionsAre: 'exact',
  });
});

test('wrong passwords are counted and lock the address out, from the right one too', async () => {
  const wrong = { authorization: `Basic ${Buffer.from('admin:guess').toString('base64')}` };
  for (let guess = 0; guess < 10; guess++) expect((await relay.get('/admin/pds/list', wrong)).status).toBe(401);
  expect((await relay.get('/admin/pds/list', relay.operator)).status).toBe(429);
  expect(await relay.metric('relay_admin_requests_refused_total')).toBe(11);
});
