import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { AccountStore } from '@dunlin/relay/accounts/account-store';
import { AccountTable } from '@dunlin/relay/accounts/account-table';
import { HostStore } from '@dunlin/relay/hosts/host-store';
import { recoverState } from '@dunlin/relay/ingest/recovery';
import { RelayLog } from '@dunlin/relay/log/relay-log';
import { systemClock } from '@dunlin/protocol/base/clock';
import { cidDigest } from '@dunlin/protocol/data/cid';
import { FakeAccount } from '../fixture/fake-account.ts';
import { TestRelay } from '../fixture/test-relay.ts';
import type { FakeHost } from '../fixture/test-relay.ts';

let relay: TestRelay;
let host: FakeHost;
const [alice, bob, carol] = [new FakeAccount(), new FakeAccount(), new FakeAccount()];

beforeEach(async () => {
  relay = await TestRelay.start();
  host = await relay.crawledHost();
  for (const account of [alice, bob, carol]) relay.register(account, host);
});

afterEach(() => relay.close());

/** Sends a little of everything and waits until it is through. */
async function fill(): Promise<void> {
  const consumer = await relay.consume();
  const events = [alice.commit(), bob.commit(), carol.commit(), alice.commit(), bob.account(false, 'deactivated'), carol.sync(), alice.identity()];
  for (const event of events) host.send(event);
  await consumer.take(events.length);
}

async function withClosedRelay<T>(work: (log: RelayLog) => Promise<T>): Promise<T> {
  const log = await RelayLog.open({
    folder: join(relay.folder, 'log'), initialSeq: 2 ** 32, durability: 'fsync', segmentBytes: 1e9, segmentAgeMs: 1e9, clock: systemClock, onFault: (error) => { throw error; },
  });
  try {
    return await work(log);
  } finally {
    await log.close();
  }
}

function shownOf(table: AccountTable): object[] {
  return Array.from({ length: table.size }, (_, row) => ({
    did: table.did(row), host: table.hostId(row), rev: table.rev(row), repo: table.repo(row), active: table.isActive(row), upstream: table.upstream(row),
  }));
}

test('rebuilds every account from the log alone, as it was', async () => {
  await fill();
  await relay.relay.close();
  const store = new AccountStore(join(relay.folder, 'accounts.sqlite'));
  const before = shownOf(store.load());
  store.close();
  expect(before).toContainEqual(expect.objectContaining({ did: alice.did, rev: alice.head?.rev, active: true }));
  await withClosedRelay(async (log) => {
    const table = new AccountTable();
    expect(await recoverState(log, table, null, [])).toMatchObject({ events: 7 });
    expect(shownOf(table)).toEqual(before);
    expect(table.repo(table.find(alice.did))?.data).toEqual(cidDigest(alice.head!.data));
    // Once more changes nothing, and so does any part of it.
    for (const from of [0, 2 ** 32, 2 ** 32 + 3, 2 ** 32 + 5]) await recoverState(log, table, from, []);
    expect(shownOf(table)).toEqual(before);
  });
  await relay.restart();
});

test('brings host cursors up to what the log says, never back', async () => {
  await fill();
  host.send(alice.commit());
  await relay.consume(0).then((consumer) => consumer.take(8));
  await relay.relay.close();
  const store = new HostStore(join(relay.folder, 'hosts.sqlite'));
  const [stored] = store.all();
  store.close();
  expect(stored?.cursor).toBe(8);
  await withClosedRelay(async (log) => {
    const cursorOf = async (cursor: number, cursorLogSeq: number): Promise<number | undefined> =>
      (await recoverState(log, new AccountTable(), null, [{ ...stored!, cursor, cursorLogSeq }])).hosts[0]?.cursor;
    // The last event of the log was appended when the seven before were durable, or some of them.
    expect(await cursorOf(0, 0)).toBeGreaterThanOrEqual(0);
    expect(await cursorOf(0, 0)).toBeLessThan(8);
    expect(await cursorOf(1000, 0)).toBe(1000);
    expect(await cursorOf(0, log.headSeq())).toBe(0);
  });
  await relay.restart();
});

test('events heard through another relay bring its cursor up, and keep the host of their account', async () => {
  await fill();
  const upstream = await relay.addHost();
  await relay.post('/admin/pds/requestCrawl', { hostname: upstream.hostname, relay: true }, relay.operator);
  await upstream.firehose.connection(1);
  const consumer = await relay.consume();
  upstream.seq = 500;
  const elsewhere = await relay.addHost();
  const dora = relay.register(new FakeAccount(), elsewhere);
  for (const event of [dora.commit(), dora.commit()]) {
    upstream.send(event);
    await consumer.take(event.since === null ? 1 : 2);
  }
  await relay.relay.close();
  const store = new HostStore(join(relay.folder, 'hosts.sqlite'));
  const hosts = store.all().map((each) => ({ ...each, cursor: 0, cursorLogSeq: 0 }));
  store.close();
  expect(hosts.map(({ hostname, relay: number }) => [hostname, number])).toEqual([[host.hostname, 0], [upstream.hostname, 1], [elsewhere.hostname, 0]]);
  await withClosedRelay(async (log) => {
    const table = new AccountTable();
    const { hosts: recovered } = await recoverState(log, table, null, hosts);
    expect(recovered.map(({ cursor }) => cursor)).toEqual([expect.any(Number), 501, 0]);
    expect(table.hostId(table.find(dora.did))).toBe(3);
    // A relay that got the number later than this was written is another one.
    const later = hosts.map((each) => ({ ...each, cursorLogSeq: log.headSeq() }));
    expect((await recoverState(log, new AccountTable(), null, later)).hosts.map(({ cursor }) => cursor)).toEqual([0, 0, 0]);
  });
  await relay.restart();
});

test('a relay whose account store is lost goes on from its log', async () => {
  await fill();
  await relay.relay.close();
  for (const ending of ['', '-wal', '-shm']) await rm(join(relay.folder, `accounts.sqlite${ending}`), { force: true });
  await relay.restart();
  const consumer = await relay.consume();
  host.send(alice.commit());
  await consumer.take(1);
  expect(await relay.metric('relay_commits_discontinuous_total{field="since"}')).toBe(0);
  expect(await (await relay.get(`/xrpc/com.atproto.sync.getRepoStatus?did=${bob.did}`)).json()).toEqual({ did: bob.did, active: false, status: 'deactivated' });
});

test('a relay whose log is lost never gives a seq again', async () => {
  await fill();
  await relay.relay.close();
  await rm(join(relay.folder, 'log'), { recursive: true });
  await relay.restart();
  const consumer = await relay.consume();
  host.send(alice.commit());
  await consumer.take(1);
  expect(await relay.metric('relay_log_head_seq')).toBeGreaterThan(2 ** 32 + 1_000_000);
});
