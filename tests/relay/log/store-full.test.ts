/** Databases of a relay that find no room: nothing ends, nothing is lost, health says so, and it heals by itself. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { AccountStore } from '@dunlin/relay/accounts/account-store';
import { AuditLog } from '@dunlin/relay/audit/audit-log';
import { CollectionStore } from '@dunlin/relay/collections/collection-store';
import { HostStore } from '@dunlin/relay/hosts/host-store';
import { encodeErrorFrame } from '@dunlin/protocol/stream/frame';
import { eventually } from '../../harness/wait.ts';
import { FakeAccount, createWrite } from '../fixture/fake-account.ts';
import { TestRelay } from '../fixture/test-relay.ts';
import type { FakeHost, TestConsumer } from '../fixture/test-relay.ts';

let relay: TestRelay;
let host: FakeHost;
let account: FakeAccount;
let consumer: TestConsumer;
const undo: (() => void)[] = [];

beforeEach(async () => {
  relay = await TestRelay.start();
  host = await relay.crawledHost();
  account = relay.register(new FakeAccount(), host);
  consumer = await relay.consume();
  host.send(account.commit());
  await consumer.take(1);
});

afterEach(async () => {
  heal();
  await relay.close();
});

/** Lets a store's writing find the disk full, as SQLite says it. */
function fill<K extends string>(store: { prototype: Record<K, (...args: never[]) => unknown> }, method: K): void {
  const { prototype } = store;
  const right = prototype[method];
  prototype[method] = () => { throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' }); };
  undo.push(() => void (prototype[method] = right));
}

function heal(): void {
  for (const each of undo.splice(0)) each();
}

const health = async (): Promise<number> => (await relay.get('/_health')).status;
const act = (path: string, body: object): Promise<Response> => relay.post(path, body, relay.operator);

test.each([
  ['accounts', () => fill(AccountStore, 'write')],
  ['collections', () => fill(CollectionStore, 'write')],
  ['hosts', () => fill(HostStore, 'saveCursors')],
])('no room for %s: hosts are not read until there is, and every event comes out once', async (_, prepare) => {
  prepare();
  host.send(account.commit());
  await eventually('health says no', async () => (await health()) === 503);
  expect(((await (await relay.get('/_health')).json()) as { message: string }).message).toContain('the disk is full');
  for (let i = 0; i < 30; i++) host.send(account.commit());
  heal();
  await consumer.take(32);
  await eventually('health is good', async () => (await health()) === 200);
  await relay.restart();
  expect((await host.firehose.connection(2)).cursor).toBe(32);
  expect(relay.faults).toEqual([]);
});

test('more changes of collections than wait for a checkpoint do not end the process when there is no room', async () => {
  fill(CollectionStore, 'write');
  for (let i = 0; i < 5; i++) host.send(account.commit(Array.from({ length: 180 }, (_, n) => createWrite('r', 20, `com.example.c${i}x${n}`))));
  await eventually('health says no', async () => (await health()) === 503);
  heal();
  await consumer.take(6);
  await eventually('all are listed', async () => {
    const answer = (await (await relay.get('/xrpc/app.dunlin.relay.listCollections?limit=1&cursor=com.example.c4x98')).json()) as { collections: { nsid: string }[] };
    return answer.collections[0]?.nsid === 'com.example.c4x99';
  });
  expect(relay.faults).toEqual([]);
});

test('an act that cannot be remembered is not begun; one that cannot be ended in writing is done', async () => {
  fill(AuditLog, 'begin');
  const refused = await act('/admin/pds/block', { host: host.hostname });
  expect([refused.status, await refused.json()]).toMatchObject([503, { error: 'NotEnoughResources' }]);
  expect(await relay.metric('relay_hosts')).toBe(1);
  heal();
  fill(AuditLog, 'finish');
  expect((await act('/admin/pds/block', { host: host.hostname })).status).toBe(200);
  expect(await relay.metric('relay_hosts')).toBe(0);
  heal();
  fill(HostStore, 'setBlocked');
  expect((await act('/admin/pds/unblock', { host: host.hostname })).status).toBe(503);
  fill(HostStore, 'add');
  expect((await relay.requestCrawl((await relay.addHost()).hostname)).status).toBe(503);
  expect(relay.faults).toEqual([]);
});

test('a new numbering that cannot be stored is stored later', async () => {
  fill(HostStore, 'reset');
  host.firehose.log.length = 0;
  host.seq = 0;
  host.firehose.behaviour = (connection) => {
    if ((connection.cursor ?? 0) > 0) {
      connection.send(encodeErrorFrame('FutureCursor', 'cursor in the future'));
      connection.close(1008);
    } else for (const { bytes } of host.firehose.log) connection.send(bytes);
  };
  (await host.firehose.connection(1)).terminate();
  await eventually('it begins anew', async () => (await relay.metric('relay_host_numberings_reset_total')) === 1);
  host.firehose.behaviour = null;
  heal();
  host.send(account.commit());
  await consumer.take(2);
  await relay.restart();
  const status = (await (await relay.get(`/status/${host.hostname}.json`)).json()) as Record<string, unknown>;
  expect(status).toMatchObject({ cursor: 1, resets: 1 });
  expect(relay.faults).toEqual([]);
});
