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
  expect(await answer.json()).toEqual({ success: true, scrubbedEvents: 3 });
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
