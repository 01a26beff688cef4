import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { decodeEvent } from '@dunlin/protocol/stream/event-codec';
import { encodeErrorFrame, encodeFrame } from '@dunlin/protocol/stream/frame';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { replaceSeq } from '@dunlin/protocol/stream/replace-seq';
import { HostStore } from '@dunlin/relay/hosts/host-store';
import { eventually } from '../../harness/wait.ts';
import { FakeAccount, createWrite } from '../fixture/fake-account.ts';
import { TestRelay } from '../fixture/test-relay.ts';
import type { FakeHost, TestConsumer } from '../fixture/test-relay.ts';

let relay: TestRelay;
let upstream: FakeHost;
let consumer: TestConsumer;
/** The account's PDS: a name in its document until a test listens to it. */
let pds: FakeHost;
let account: FakeAccount;

async function begin(options: Parameters<typeof TestRelay.start>[0] = {}): Promise<void> {
  // What is held is tried again soon, and not after up to two seconds.
  relay = await TestRelay.start(options, { random: () => 0.02 });
  upstream = await relay.addHost();
  expect((await addRelay(upstream.hostname)).status).toBe(200);
  await upstream.firehose.connection(1);
  pds = await relay.addHost();
  account = relay.register(new FakeAccount(), pds);
  consumer = await relay.consume();
}

beforeEach(() => begin());
afterEach(async () => {
  expect(relay.faults).toEqual([]);
  await relay.close();
});

const addRelay = (hostname: string): Promise<Response> => relay.post('/admin/pds/requestCrawl', { hostname, relay: true }, relay.operator);
const dropped = (reason: string, count = 1): Promise<unknown> =>
  eventually(`${count} × ${reason}`, async () => (await relay.metric(`relay_events_dropped_total{reason="${reason}"}`)) >= count);
const kinds = (frames: readonly Buffer[]): string[] => frames.map((frame) => scanFrame(frame).t);
const status = async (hostname: string): Promise<Record<string, unknown>> => (await (await relay.get(`/status/${hostname}.json`)).json()) as Record<string, unknown>;
const listen = async (host: FakeHost): Promise<void> => {
  expect((await relay.requestCrawl(host.hostname)).status).toBe(200);
  await host.firehose.connection(1);
};
/** Ends with an event that is passed on for certain. */
async function drain(host: FakeHost): Promise<void> {
  const other = relay.register(new FakeAccount(), pds);
  host.send(other.commit());
  await eventually('the last event came out', () => consumer.frames.some((frame) => scanFrame(frame).did === other.did));
}

test('a commit of an account nobody spoke of before comes out as the relay sent it, and its host is known and not dialled', async () => {
  const sent = upstream.send(account.commit());
  const [frame = Buffer.alloc(0)] = await consumer.take(1);
  expect(frame.equals(replaceSeq(sent, scanFrame(sent), scanFrame(frame).seq))).toBe(true);
  expect(pds.firehose.connections).toHaveLength(0);
  expect(await status(pds.hostname)).toMatchObject({ kind: 'pds', isHeard: false, state: 'idle', accounts: 1 });
  expect(await status(upstream.hostname)).toMatchObject({ kind: 'relay', state: 'active', accounts: 0, acceptedEvents: 1, cursor: 1, rates: null });
  expect([await relay.metric('relay_upstream_relays'), await relay.metric('relay_events_relayed_total')]).toEqual([1, 1]);
  await relay.restart();
  await upstream.firehose.connection(2);
  expect([pds.firehose.connections.length, (await upstream.firehose.connection(2)).cursor]).toEqual([0, 1]);
});

describe.each([['the host', true], ['the relay', false]])('when %s is first', (_, isHostFirst) => {
  test.each([
    ['commit', () => account.commit()],
    ['#sync', () => account.sync(account.nextRev())],
    ['#identity', () => account.identity()],
    ['#account', () => account.account(true)],
  ])('a %s that both tell of goes out once, and is no fault of either', async (_kind, make) => {
    await listen(pds);
    for (const host of [pds, upstream]) host.send(account.head === null ? account.commit() : account.sync());
    await consumer.take(2);
    const event = make();
    const [first, second] = isHostFirst ? [pds, upstream] : [upstream, pds];
    first.send(event);
    await consumer.take(3);
    second.send(event);
    await drain(second);
    expect(consumer.frames).toHaveLength(4);
    await dropped('duplicate');
    expect(await relay.metric('relay_commits_discontinuous_total{field="since"}')).toBe(0);
    expect(await status(second.hostname)).toMatchObject({ duplicateEvents: 1, droppedEvents: 0, lastError: null });
  });
});

test('of many commits told by both in any order each goes out once, in the order of the account', async () => {
  await listen(pds);
  const events = Array.from({ length: 60 }, () => account.commit());
  for (const [i, event] of events.entries()) {
    if (i % 3 !== 0) pds.send(event);
    upstream.send(event);
    if (i % 3 === 0) pds.send(event);
  }
  await consumer.take(60);
  await dropped('duplicate', 60);
  expect(consumer.frames.map((frame) => scanFrame(frame).rev)).toEqual(events.map(({ rev }) => rev));
  expect(await relay.metric('relay_commits_discontinuous_total{field="since"}')).toBe(0);
});

test('a host that tells the same twice is believed, as without relays', async () => {
  await listen(pds);
  const event = account.identity();
  pds.send(event);
  pds.send(event);
  await consumer.take(2);
  upstream.send(event);
  await dropped('duplicate');
});

test('a status that a relay told before the host did is no echo when it changes something', async () => {
  await listen(pds);
  pds.send(account.commit());
  await consumer.take(1);
  relay.directory.statuses.set(account.did, () => Response.json({ did: account.did, active: true }));
  const events = [{ ...account.account(false, 'deactivated'), time: '2026-01-02T00:00:00.000Z' }, { ...account.account(true), time: '2026-01-02T00:00:01.000Z' }];
  for (const event of events) upstream.send(event);
  await dropped('notConfirmed');
  await consumer.take(2);
  for (const event of events) pds.send(event);
  pds.send(account.commit());
  expect((await consumer.take(5)).slice(2).map((frame) => decodeEvent(frame))).toMatchObject([{ active: false }, { active: true }, { kind: 'commit' }]);
});

test('what is not true is dropped through a relay as from a host', async () => {
  upstream.send(account.commit());
  await consumer.take(1);
  const forged = account.commit();
  const { blocks } = forged;
  blocks[blocks.length - 1] = (blocks.at(-1) ?? 0) ^ 1;
  upstream.send(forged);
  await eventually('it is dropped', async () => Number((await status(upstream.hostname))['droppedEvents']) === 1);
  const impostor = new FakeAccount({ did: account.did });
  upstream.send(impostor.commit());
  await dropped('badSignature');
  const nobody = new FakeAccount();
  upstream.send(nobody.commit());
  await dropped('unknownAccount');
  expect(consumer.frames).toHaveLength(1);
});

describe('while the directory is silent', () => {
  beforeEach(async () => {
    await listen(pds);
    pds.send(account.commit());
    await consumer.take(1);
    relay.directory.isDown = true;
  });

  test.each([
    ['commit', () => new FakeAccount({ did: account.did }).commit()],
    ['#identity', () => account.identity()],
  ])('a forged %s of a relay keeps what the host of the account says waiting not at all', async (_, forge) => {
    upstream.send(forge());
    await eventually('it is held', async () => (await relay.metric('relay_accounts_held_total')) === 1);
    const events = [account.commit(), account.commit()];
    for (const event of events) pds.send(event);
    expect((await consumer.take(3)).slice(1).map((frame) => scanFrame(frame).rev)).toEqual(events.map(({ rev }) => rev));
    upstream.send(events[0]!);
    relay.directory.isDown = false;
    await dropped('duplicate');
  });

  test('a commit with a key that is new is held until the directory can say so, however often it is asked', async () => {
    const rotated = new FakeAccount({ did: account.did });
    relay.directory.documents.set(account.did, rotated.document(pds.origin));
    const before = relay.directory.asked.length;
    pds.send(rotated.commit());
    await eventually('the directory was asked twice', () => relay.directory.asked.length >= before + 2);
    relay.directory.isDown = false;
    expect(scanFrame((await consumer.take(2))[1]!).rev).toBe(rotated.head?.rev);
  });

  test('what a relay tells is kept in its order until it can be verified, and goes out once', async () => {
    const rotated = new FakeAccount({ did: account.did });
    relay.directory.documents.set(account.did, rotated.document(pds.origin));
    const events = [rotated.identity(), rotated.commit(), rotated.commit()] as const;
    for (const event of events) upstream.send(event);
    await eventually('it is held', async () => (await relay.metric('relay_accounts_held_total')) === 1);
    relay.directory.isDown = false;
    expect(kinds(await consumer.take(4)).slice(1)).toEqual(['#identity', '#commit', '#commit']);
    for (const event of events) pds.send(event);
    await dropped('duplicate', 3);
    expect(consumer.frames.slice(2).map((frame) => scanFrame(frame).rev)).toEqual([events[1].rev, events[2].rev]);
  });
});

test('accounts of a banned or blocked host are dropped, known or not, and come again when it is unbanned', async () => {
  upstream.send(account.commit());
  await consumer.take(1);
  expect((await relay.post('/admin/pds/block', { host: pds.hostname }, relay.operator)).status).toBe(200);
  const stranger = relay.register(new FakeAccount(), pds);
  upstream.send(account.commit());
  upstream.send(stranger.commit());
  await dropped('bannedHost', 2);
  expect((await relay.post('/admin/pds/unblock', { host: pds.hostname }, relay.operator)).status).toBe(200);
  expect(pds.firehose.connections).toHaveLength(0);
  upstream.send(account.commit());
  await consumer.take(2);
  const banned = await relay.addHost();
  const other = relay.register(new FakeAccount(), banned);
  await relay.post('/admin/subs/banDomain', { domain: '127.0.0.1' }, relay.operator);
  expect((await addRelay(upstream.hostname)).status).toBe(400);
  upstream.send(other.commit());
  expect(consumer.frames).toHaveLength(2);
});

test('the limit of accounts is that of the host, not of the relay', async () => {
  await relay.restart({ trustedDomains: [], defaultAccountLimit: 2 });
  consumer = await relay.consume();
  await upstream.firehose.connection(2);
  const accounts = Array.from({ length: 3 }, () => relay.register(new FakeAccount(), pds));
  for (const each of accounts) upstream.send(each.commit());
  await dropped('throttled');
  const elsewhere = relay.register(new FakeAccount(), await relay.addHost());
  upstream.send(elsewhere.commit());
  await consumer.take(3);
  expect(await status(pds.hostname)).toMatchObject({ accounts: 3, accountLimit: 2 });
});

test('more hosts than may be known by name are refused', async () => {
  await relay.restart({ unheardHosts: 1 });
  consumer = await relay.consume();
  await upstream.firehose.connection(2);
  upstream.send(account.commit());
  upstream.send(relay.register(new FakeAccount(), await relay.addHost()).commit());
  await dropped('throttled');
  await consumer.take(1);
});

describe('an #account through a relay', () => {
  beforeEach(async () => {
    upstream.send(account.commit());
    await consumer.take(1);
  });
  const says = (body: object, init?: ResponseInit): void => void relay.directory.statuses.set(account.did, () => Response.json({ did: account.did, ...body }, init));

  test('that changes something goes out when the host of the account says so, and with its word', async () => {
    says({ active: false, status: 'deactivated' });
    upstream.send(account.account(false, 'suspended'));
    const [, frame = Buffer.alloc(0)] = await consumer.take(2);
    expect(decodeEvent(frame)).toMatchObject({ kind: 'account', did: account.did, active: false, status: 'deactivated' });
    expect(relay.directory.statusAsked).toEqual([{ origin: pds.origin, did: account.did }]);
    // Until the host says otherwise, commits are asked about, and dropped.
    upstream.send(account.commit());
    await dropped('inactive');
    // Of the relay's own making once more, and then of the host: the same event.
    says({ active: true });
    upstream.send(account.account(true));
    await consumer.take(3);
    await relay.restart();
    consumer = await relay.consume();
    await upstream.firehose.connection(2);
    upstream.send(account.commit());
    await consumer.take(1);
  });

  test.each([
    ['the host says otherwise', () => says({ active: true })],
    ['the host gives no answer', () => says({}, { status: 503 })],
    ['the host does not know the account, which is not said to be deleted', () => says({ error: 'RepoNotFound' }, { status: 400 })],
  ])('is dropped when %s', async (_, prepare) => {
    prepare();
    upstream.send(account.account(false, 'takendown'));
    await dropped('notConfirmed');
    upstream.send(account.commit());
    expect(kinds(await consumer.take(2))).toEqual(['#commit', '#commit']);
  });

  test('that says deleted goes out when the host does not know the account any more', async () => {
    says({ error: 'RepoNotFound' }, { status: 400 });
    upstream.send(account.account(false, 'deleted'));
    expect(decodeEvent((await consumer.take(2))[1] ?? Buffer.alloc(0))).toMatchObject({ active: false, status: 'deleted' });
  });

  test('that changes nothing is passed on once, without asking', async () => {
    const event = account.account(true);
    upstream.send(event);
    upstream.send(event);
    await dropped('duplicate');
    expect([kinds(await consumer.take(2)), relay.directory.statusAsked]).toEqual([['#commit', '#account'], []]);
  });

  test('is not asked about without end', async () => {
    says({ active: true });
    for (let i = 0; i < 8; i++) upstream.send(account.account(false, 'suspended'));
    await dropped('notConfirmed', 4);
    await dropped('rateLimited', 4);
    expect(relay.directory.statusAsked).toHaveLength(4);
  });
});

describe('the stream of a relay', () => {
  test('begins with what happens from now on, or with the oldest when the operator wants that', async () => {
    expect((await upstream.firehose.connection(1)).cursor).toBeNull();
    const other = await relay.addHost();
    await relay.restart({ upstreamStart: 'oldest', upstreamRelays: [`ws://${other.hostname}`, 'wss://not a name'] });
    expect((await other.firehose.connection(1)).cursor).toBe(0);
    // Named by the configuration only: no longer dialled when it is not.
    await relay.restart();
    expect((await upstream.firehose.connection(3)).cursor).toBeNull();
    expect([other.firehose.connections.length, await relay.metric('relay_upstream_relays')]).toEqual([1, 1]);
  });

  test('goes on from its cursor after a break, and survives FutureCursor, OutdatedCursor and ConsumerTooSlow', async () => {
    for (let i = 0; i < 3; i++) upstream.send(account.commit());
    await consumer.take(3);
    (await upstream.firehose.connection(1)).terminate();
    expect((await upstream.firehose.connection(2)).cursor).toBe(3);
    upstream.firehose.behaviour = (connection) => {
      connection.send(encodeErrorFrame('ConsumerTooSlow', 'too slow'));
      connection.close(1008);
    };
    (await upstream.firehose.connection(2)).terminate();
    await upstream.firehose.connection(3);
    upstream.firehose.behaviour = (connection) => {
      connection.send(encodeErrorFrame('FutureCursor', 'cursor in the future'));
      connection.close(1008);
    };
    await upstream.firehose.connection(4);
    upstream.firehose.behaviour = (connection) => {
      connection.send(encodeFrame('#info', { name: 'OutdatedCursor' }));
      for (const frame of upstream.firehose.log) connection.send(frame.bytes);
    };
    await dropped('duplicate', 3);
    expect(upstream.firehose.connections.at(-1)?.cursor).toBe(0);
    expect(await status(upstream.hostname)).toMatchObject({ resets: 1, lastError: { text: 'info from host: OutdatedCursor' } });
    upstream.send(account.commit());
    await consumer.take(4);
  });

  test('is held up by no rate', async () => {
    await relay.restart({ trustedDomains: [] });
    consumer = await relay.consume();
    await upstream.firehose.connection(2);
    for (let i = 0; i < 300; i++) upstream.send(account.commit());
    await consumer.take(300);
    expect(await status(upstream.hostname)).toMatchObject({ state: 'active', pause: null });
  });
});

test('a relay cannot be asked for by the public, nor be a host of accounts as well', async () => {
  expect((await relay.requestCrawl(upstream.hostname)).status).toBe(400);
  await listen(pds);
  expect(await (await addRelay(pds.hostname)).json()).toMatchObject({ error: 'InvalidRequest' });
  expect((await addRelay('not a name')).status).toBe(400);
  const lives = relay.register(new FakeAccount(), upstream);
  upstream.send(lives.commit());
  await dropped('wrongHost');
  expect((await relay.post('/admin/subs/killUpstream', { host: upstream.hostname, block: true }, relay.operator)).status).toBe(200);
  expect(await relay.metric('relay_upstream_relays')).toBe(0);
});

test('two relays that listen to each other give each event once', async () => {
  const other = await TestRelay.start({}, { fetch: relay.directory.fetch, resolveTxt: relay.directory.resolveTxt });
  try {
    const portOf = (each: TestRelay): string => new URL(each.relay.url).host;
    expect((await other.post('/admin/pds/requestCrawl', { hostname: portOf(relay), relay: true }, other.operator)).status).toBe(200);
    expect((await addRelay(portOf(other))).status).toBe(200);
    await listen(pds);
    const far = await other.consume();
    await eventually('both are connected', async () => (await relay.metric('relay_hosts_active')) === 3 && (await other.metric('relay_hosts_active')) === 1);
    const events = [account.identity(), account.account(true), account.commit(), account.sync(), account.commit(), account.account(true)];
    // Two of them say the same at another time.
    events[5] = { ...account.account(true), time: '2026-01-03T00:00:00.000Z' };
    for (const event of events) pds.send(event);
    await far.take(6);
    await drain(pds);
    await far.take(7);
    await eventually('what came back was recognised', async () => (await relay.metric('relay_events_dropped_total{reason="duplicate"}')) === 7);
    for (const each of [consumer, far]) {
      expect(kinds(each.frames)).toEqual(['#identity', '#account', '#commit', '#sync', '#commit', '#account', '#commit']);
    }
    expect(await other.metric('relay_events_dropped_total{reason="duplicate"}')).toBe(0);
  } finally {
    expect(other.faults).toEqual([]);
    await other.close();
  }
});

test('a relay that says again and again that its window is past our cursor has hosts doubted once', async () => {
  const all = jest.spyOn(HostStore.prototype, 'all');
  try {
    for (let i = 0; i < 50; i++) upstream.sendBytes(encodeFrame('#info', { name: 'OutdatedCursor' }));
    upstream.send(account.commit());
    await consumer.take(1);
    expect(all).toHaveBeenCalledTimes(1);
  } finally {
    all.mockRestore();
  }
});

test('an account whose host does not answer keeps no other account of the relay waiting', async () => {
  await relay.close();
  await begin({ intakeBytesPerHost: 262_144 });
  upstream.send(account.commit());
  await consumer.take(1);
  const never = Promise.withResolvers<Response>();
  relay.directory.statuses.set(account.did, () => never.promise as unknown as Response);
  upstream.send(account.account(false, 'deactivated'));
  for (let i = 0; i < 8; i++) upstream.send(account.commit([createWrite(`r${i}`, 60_000)]));
  const other = relay.register(new FakeAccount(), pds);
  upstream.send(other.commit());
  await eventually('the other is heard', () => consumer.frames.some((frame) => scanFrame(frame).did === other.did));
  expect(consumer.frames.filter((frame) => scanFrame(frame).did === account.did)).toHaveLength(1);
});
