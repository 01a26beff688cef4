import { afterEach, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { Discovery } from '@dunlin/relay/hosts/discovery';
import { silentLogger } from '@dunlin/service/log/logger';
import { eventually } from '../../harness/wait.ts';
import { FakeDirectory } from '../fixture/fake-directory.ts';
import { TestRelay } from '../fixture/test-relay.ts';

const origin = 'https://relay.example.org';
let relay: TestRelay | null = null;
let discovery: Discovery | null = null;

afterEach(async () => {
  discovery?.close();
  await relay?.close();
  [relay, discovery] = [null, null];
});

/** Answers with these pages, each naming the next one. */
function pages(directory: FakeDirectory, hosts: readonly (readonly unknown[])[]): void {
  directory.relays.set(origin, (cursor) => {
    const at = Number(cursor ?? 0);
    return Response.json({ hosts: hosts[at], ...(at + 1 < hosts.length && { cursor: String(at + 1) }) });
  });
}

test('a relay listens to the hosts that another one names, but not to those that it refuses, cannot reach, or that are no PDS', async () => {
  const started = await TestRelay.start({ discoveryRelays: [origin], disableRequestCrawl: true }, { random: () => 0.05 });
  relay = started;
  const [one, two, refused] = [await started.addHost(), await started.addHost(), await started.addHost()];
  started.directory.hosts.set('relay.example.net', () => Response.json({}, { headers: { server: 'atproto-relay' } }));
  pages(started.directory, [
    [{ hostname: one.hostname, status: 'active' }, { hostname: refused.hostname, status: 'banned' }, { hostname: 'relay.example.net' }, { hostname: '10.0.0.1' }, 'nonsense', null],
    [{ hostname: two.hostname }, { hostname: one.hostname }],
  ]);
  expect((await one.firehose.connection(1)).cursor).toBe(0);
  await two.firehose.connection(1);
  const { hosts } = (await (await started.get('/xrpc/com.atproto.sync.listHosts')).json()) as { hosts: { hostname: string }[] };
  expect(hosts.map(({ hostname }) => hostname).sort()).toEqual([one.hostname, two.hostname].sort());
  expect([refused.firehose.connections.length, started.faults]).toEqual([0, []]);
});

test('takes half of the day\'s new hosts at most; the other half is for those that ask', async () => {
  const started = await TestRelay.start({ discoveryRelays: [origin], newHostsPerDay: 3 }, { random: () => 0.05 });
  relay = started;
  const [one, two, three] = [await started.addHost(), await started.addHost(), await started.addHost()];
  pages(started.directory, [[{ hostname: one.hostname }, { hostname: two.hostname }]]);
  await one.firehose.connection(1);
  expect((await started.requestCrawl(three.hostname)).status).toBe(200);
  await three.firehose.connection(1);
  expect(two.firehose.connections).toHaveLength(0);
});

test('asks once a day, passes over what is no answer, and reads so many pages at most', async () => {
  const [clock, directory, named] = [new ManualClock(), new FakeDirectory(), [] as string[]];
  const discover = async (hostname: string): Promise<'added'> => {
    named.push(hostname);
    return 'added';
  };
  let questions = 0;
  directory.relays.set('https://broken.example.org', () => Response.json({ hosts: 'none' }));
  directory.relays.set(origin, () => {
    questions += 1;
    return Response.json({ hosts: [{ hostname: `host${questions}.example.com` }], cursor: 'again' });
  });
  const faults: unknown[] = [];
  const relays = ['https://down.example.org', 'https://broken.example.org', origin];
  discovery = new Discovery({ relays, crawl: { discover }, fetch: directory.fetch, clock, logger: silentLogger, random: () => 0.5, onFault: (error) => void faults.push(error) });
  clock.advance(29_999);
  await new Promise<void>((resolve) => setImmediate(resolve));
  expect(questions).toBe(0);
  clock.advance(1);
  await eventually('fifty pages are read', () => questions === 50);
  clock.advance(86_400_000 - 30_000);
  await eventually('fifty more a day later', () => questions === 100 && named.length === 100);
  discovery.close();
  clock.advance(86_400_000);
  await new Promise<void>((resolve) => setImmediate(resolve));
  expect([questions, faults]).toEqual([100, []]);
});
