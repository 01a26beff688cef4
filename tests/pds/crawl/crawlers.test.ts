/** Asking relays to crawl: once, not too often, again when they did not answer. */
import { expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { silentLogger } from '@dunlin/service/log/logger';
import { crawlIntervalMs, Crawlers, retryMs } from '../../../pds/src/crawl/crawlers.ts';
import { ServerIdentity } from '../../../pds/src/identity/server-identity.ts';
import { eventually } from '../../harness/wait.ts';

function start(answer: () => number): { asked: string[]; clock: ManualClock; crawlers: Crawlers } {
  const asked: string[] = [];
  const clock = new ManualClock();
  const server = new ServerIdentity({ hostname: 'localhost', isLocal: true, serviceDid: null });
  server.bind(2583);
  const fetch: typeof globalThis.fetch = async (url, init) => {
    asked.push(`${String(url)} ${String(init?.body)}`);
    const status = answer();
    if (status === 0) throw new TypeError('fetch failed');
    return new Response('{}', { status });
  };
  return { asked, clock, crawlers: new Crawlers({ urls: ['http://relay.test'], server, fetch, clock, log: silentLogger }) };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

test('a relay is asked with our name and port, and left alone for a while', async () => {
  const { asked, clock, crawlers } = start(() => 200);
  for (let times = 0; times < 3; times++) crawlers.notify();
  await settle();
  expect(asked).toEqual(['http://relay.test/xrpc/com.atproto.sync.requestCrawl {"hostname":"localhost:2583"}']);
  clock.advance(crawlIntervalMs - 1);
  crawlers.notify();
  await settle();
  expect(asked).toHaveLength(1);
  clock.advance(1);
  crawlers.notify();
  await eventually('it is asked again', () => asked.length === 2);
});

test('a relay that is away or refuses is asked again, ever more slowly, until it answers', async () => {
  const answers = [0, 503, 200];
  const { asked, clock, crawlers } = start(() => answers.shift() ?? 200);
  crawlers.notify();
  await settle();
  crawlers.notify();
  clock.advance(retryMs.first);
  await eventually('it is asked a second time', () => asked.length === 2);
  await settle();
  clock.advance(retryMs.first);
  await settle();
  expect(asked).toHaveLength(2);
  clock.advance(retryMs.first);
  await eventually('it is asked a third time', () => asked.length === 3);
  await settle();
  clock.advance(retryMs.longest);
  expect(asked).toHaveLength(3);
});

test('nothing is asked after the end', async () => {
  const { asked, clock, crawlers } = start(() => 0);
  crawlers.notify();
  await settle();
  crawlers.close();
  clock.advance(retryMs.longest);
  crawlers.notify();
  await settle();
  expect(asked).toHaveLength(1);
});
