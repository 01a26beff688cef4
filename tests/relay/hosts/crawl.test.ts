import { afterEach, expect, test } from '@jest/globals';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { FakeAccount } from '../fixture/fake-account.ts';
import { TestRelay } from '../fixture/test-relay.ts';

let relay: TestRelay;

afterEach(() => relay.close());

async function refusal(hostname: unknown): Promise<[number, unknown]> {
  const answer = await relay.requestCrawl(hostname);
  return [answer.status, ((await answer.json()) as { error: unknown }).error];
}

test('refuses names that are no public host, and hosts that do not answer as one', async () => {
  relay = await TestRelay.start();
  for (const name of ['', 'not a host', '10.0.0.1', 'localhost', 'pds.internal', 'pds.example.com:8080', 'http://pds.example.com/path']) {
    expect(await refusal(name)).toEqual([400, 'InvalidRequest']);
  }
  expect(await refusal(5)).toEqual([400, 'InvalidRequest']);
  relay.directory.hosts.set('down.example.org', () => new Response('no', { status: 502 }));
  expect(await refusal('down.example.org')).toEqual([400, 'HostNotFound']);
  relay.directory.hosts.set('page.example.org', () => new Response('<html>'));
  expect(await refusal('page.example.org')).toEqual([400, 'HostNotFound']);
  relay.directory.hosts.set('relay.example.org', () => Response.json({}, { headers: { server: 'some atproto-relay' } }));
  expect(await refusal('relay.example.org')).toEqual([400, 'HostNotFound']);
  relay.directory.hosts.set('broken.example.org', () => {
    throw new TypeError('no route');
  });
  expect(await refusal('broken.example.org')).toEqual([400, 'HostNotFound']);
});

test('takes only so many new hosts a day, and known ones always', async () => {
  relay = await TestRelay.start({ newHostsPerDay: 2 });
  const [one, two, three] = [await relay.addHost(), await relay.addHost(), await relay.addHost()];
  expect((await relay.requestCrawl(one.hostname)).status).toBe(200);
  expect((await relay.requestCrawl(two.hostname)).status).toBe(200);
  expect(await refusal(three.hostname)).toEqual([429, 'RateLimitExceeded']);
  expect((await relay.requestCrawl(one.hostname)).status).toBe(200);
});

test('takes none from the public when told so', async () => {
  relay = await TestRelay.start({ disableRequestCrawl: true });
  const host = await relay.addHost();
  expect(await refusal(host.hostname)).toEqual([403, 'Forbidden']);
});

test('refuses localhost where insecure hosts are not allowed', async () => {
  relay = await TestRelay.start({ allowInsecureHosts: false });
  const host = await relay.addHost();
  expect(await refusal(host.hostname)).toEqual([400, 'InvalidRequest']);
});

test('throttles accounts beyond a host\'s limit and says so', async () => {
  relay = await TestRelay.start({ defaultAccountLimit: 2, trustedDomains: [] });
  const host = await relay.crawledHost();
  const accounts = [1, 2, 3].map(() => relay.register(new FakeAccount(), host));
  const consumer = await relay.consume();
  for (const account of accounts) host.send(account.commit());
  host.send(accounts[0]?.commit() ?? accounts[1]!.commit());
  const frames = await consumer.take(3);
  expect(frames).toHaveLength(3);
  expect(await relay.metric('relay_events_dropped_total{reason="throttled"}')).toBe(1);
  const status = await relay.get(`/xrpc/com.atproto.sync.getRepoStatus?did=${accounts[2]?.did}`);
  expect(await status.json()).toEqual({ did: accounts[2]?.did, active: false, status: 'throttled' });
  // The operator raises the limit: the account may speak from now on.
  const change = await relay.post('/admin/pds/changeLimits', { host: host.hostname, repo_limit: 3 }, relay.operator);
  expect(await change.json()).toEqual({ success: 'true', accountsFreed: 1 });
  host.send(accounts[2]!.commit());
  expect(scanFrame((await consumer.take(4))[3] ?? Buffer.alloc(0)).did).toBe(accounts[2]?.did);
  expect((await relay.post('/admin/pds/changeLimits', { host: host.hostname, repo_limit: -1 }, relay.operator)).status).toBe(400);
});

test('listens to hosts named in the configuration, also those that are down at the start', async () => {
  relay = await TestRelay.start();
  const host = await relay.addHost();
  relay.directory.hosts.set(host.hostname, () => new Response('no', { status: 502 }));
  await relay.restart({ hosts: [host.hostname, 'not a host'] });
  await host.firehose.connection(1);
});
