import { afterEach, beforeEach, expect, test } from '@jest/globals';
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

const text = async (path: string): Promise<string> => (await relay.get(path)).text();
const json = async (path: string): Promise<Record<string, unknown>> => (await (await relay.get(path)).json()) as Record<string, unknown>;

test('the first page tells what the relay is and shows its rate', async () => {
  const answer = await relay.get('/');
  expect(answer.headers.get('content-security-policy')).toContain("script-src 'self'");
  expect(await answer.text()).toContain('To be heard');
  const alice = relay.register(new FakeAccount(), host);
  host.send(alice.commit());
  await eventually('a sample with the event', async () => ((await json('/index.json'))['samples'] as { accepted: number }[]).some(({ accepted }) => accepted > 0));
  expect(await json('/index.json')).toMatchObject({ hosts: 1, activeHosts: 1, accounts: 1 });
});

test('a host is shown with its limits, its drops in words and its last error', async () => {
  const [alice, stranger] = [relay.register(new FakeAccount(), host), new FakeAccount()];
  const consumer = await relay.consume();
  host.send(alice.commit());
  await consumer.take(1);
  host.send(stranger.commit());
  await eventually('dropped', async () => (await json(`/status/${host.hostname}.json`))['droppedEvents'] === 1);
  expect(await json(`/status/${host.hostname}.json`)).toMatchObject({
    hostname: host.hostname, state: 'active', accounts: 1, acceptedEvents: 1, drops: [{ reason: 'unknownAccount', count: 1, meaning: expect.any(String) }],
    lastError: { text: expect.stringContaining('unknownAccount') }, rates: { limits: { perSecond: 5_000 }, left: { perSecond: expect.any(Number) } }, pause: null,
  });
  const page = await text(`/status/${host.hostname}`);
  for (const part of ['Connected: the relay reads its stream.', 'unknownAccount', 'Last error', '5,000 a second']) expect(page).toContain(part);
  expect(await json('/status.json')).toMatchObject({ total: 1, hosts: [{ hostname: host.hostname, droppedEvents: 1 }] });
  expect(await text('/status')).toContain(`href="/status/${encodeURIComponent(host.hostname)}"`);
});

test('hosts are found by a part of their name; what is not known is 404', async () => {
  await relay.addHost();
  expect(await json('/status.json?q=nothing')).toMatchObject({ total: 0, hosts: [] });
  expect((await json(`/status.json?q=${host.hostname.slice(-4)}`))['total']).toBe(1);
  expect(await json('/status.json?page=2')).toMatchObject({ hosts: [] });
  expect([(await relay.get('/status/pds.nowhere.com')).status, (await relay.get('/status/pds.nowhere.com.json')).status]).toEqual([404, 404]);
  expect(await text('/status?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E')).not.toContain('<script>alert');
});

test('scripts and styles come from the same origin', async () => {
  for (const [name, type] of [['uplot.js', 'text/javascript'], ['relay.js', 'text/javascript'], ['uplot.css', 'text/css'], ['relay.css', 'text/css']]) {
    const answer = await relay.get(`/assets/${name}`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, `${type}; charset=utf-8`]);
  }
});

test('one address may look only so often, methods are not affected', async () => {
  const answers: number[] = [];
  for (let view = 0; view < 640 && answers.at(-1) !== 429; view++) answers.push((await relay.get('/index.json')).status);
  expect(answers.at(-1)).toBe(429);
  expect(answers.length).toBeGreaterThan(600);
  expect((await relay.get('/xrpc/com.atproto.sync.listHosts')).status).toBe(200);
});
