import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { decodeEvent } from '@dunlin/protocol/stream/event-codec';
import { Reactivation } from '@dunlin/relay/ingest/reactivation';
import type { Upstream } from '@dunlin/relay/ingest/upstream';
import { eventually } from '../../harness/wait.ts';
import { FakeAccount } from '../fixture/fake-account.ts';
import { TestRelay } from '../fixture/test-relay.ts';
import type { FakeHost, TestConsumer } from '../fixture/test-relay.ts';

let relay: TestRelay;
let host: FakeHost;
let account: FakeAccount;
let consumer: TestConsumer;

beforeEach(async () => {
  relay = await TestRelay.start();
  host = await relay.crawledHost();
  account = relay.register(new FakeAccount(), host);
  consumer = await relay.consume();
  host.send(account.commit([]));
  host.send(account.account(false, 'deactivated'));
  await consumer.take(2);
});

afterEach(async () => {
  await relay.close();
});

const says = (active: unknown, did = account.did): void => void relay.directory.statuses.set(account.did, () => Response.json({ did, active }));
const inactiveDrops = (): Promise<number> => relay.metric('relay_events_dropped_total{reason="inactive"}');

test('an account whose host says it is active gets an #account event, then its events; its host is asked once', async () => {
  says(true);
  for (let i = 0; i < 3; i++) host.send(account.commit());
  const events = (await consumer.take(6)).slice(2).map((frame) => decodeEvent(frame));
  expect(events.map((event) => event.kind)).toEqual(['account', 'commit', 'commit', 'commit']);
  expect(events[0]).toMatchObject({ did: account.did, active: true, status: null, seq: 4_294_967_299 });
  expect(relay.directory.statusAsked).toEqual([{ origin: host.origin, did: account.did }]);
  expect(await relay.metric('relay_account_status_checks_total{result="active"}')).toBe(1);
  await relay.restart();
  host.send(account.commit());
  const later = await relay.consume();
  host.send(account.commit());
  expect((await later.take(1)).length).toBe(1);
  expect([await inactiveDrops(), relay.directory.statusAsked.length, relay.faults]).toEqual([0, 1, []]);
});

test.each([
  ['says it is not', () => says(false)],
  ['answers for another account', () => says(true, 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa')],
  ['answers something else', () => says('yes')],
  ['does not know it', () => undefined],
])('events are dropped when the host %s, and it is not asked again for the next', async (_, prepare) => {
  prepare();
  host.send(account.commit());
  await eventually('the first is dropped', async () => (await inactiveDrops()) === 1);
  says(true);
  host.send(account.commit());
  await eventually('the second is dropped', async () => (await inactiveDrops()) === 2);
  expect([relay.directory.statusAsked.length, consumer.frames.length]).toEqual([1, 2]);
});

test('no other host is asked, and none about an account taken down here', async () => {
  says(true);
  const other = await relay.crawledHost();
  other.send(account.commit());
  await eventually('the stranger is refused', async () => (await relay.metric('relay_events_dropped_total{reason="wrongHost"}')) === 1);
  const answer = await relay.post('/admin/repo/takeDown', { did: account.did }, relay.operator);
  expect(answer.status).toBe(200);
  host.send(account.commit());
  await eventually('it is dropped', async () => (await inactiveDrops()) === 1);
  expect(relay.directory.statusAsked).toEqual([]);
});

test('asks once in ten minutes for each account, and twenty at once for each host', () => {
  const clock = new ManualClock();
  const reactivation = new Reactivation({ fetch, clock });
  const [one, other] = [{ id: 1 } as Upstream, { id: 2 } as Upstream];
  const asked = Array.from({ length: 25 }, (_, i) => reactivation.mayAsk(`did:plc:${i}`, one));
  expect(asked.filter(Boolean)).toHaveLength(20);
  expect([reactivation.mayAsk('did:plc:0', one), reactivation.mayAsk('did:plc:0', other)]).toEqual([false, true]);
  clock.advance(599_999);
  expect(reactivation.mayAsk('did:plc:0', one)).toBe(false);
  clock.advance(1);
  expect(reactivation.mayAsk('did:plc:0', one)).toBe(true);
});
