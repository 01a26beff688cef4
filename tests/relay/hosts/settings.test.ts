import { afterEach, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { eventually } from '../../harness/wait.ts';
import { FakeAccount } from '../fixture/fake-account.ts';
import { TestRelay } from '../fixture/test-relay.ts';

let relay: TestRelay;

afterEach(() => relay.close());

const status = async (hostname: string): Promise<Record<string, unknown>> => (await (await relay.get(`/status/${hostname}.json`)).json()) as Record<string, unknown>;

test('rates and limits of accounts are what the operator sets, for ordinary and trusted hosts', async () => {
  const options = { eventsPerSecond: 5, eventsPerHour: 6_000, eventsPerDay: 7_000, defaultAccountLimit: 9, trustedEventsPerSecond: 77, trustedAccountLimit: 1_234 };
  relay = await TestRelay.start({ ...options, trustedDomains: [] });
  const host = await relay.crawledHost();
  expect(await status(host.hostname)).toMatchObject({ rates: { limits: { perSecond: 5, perHour: 6_000, perDay: 7_000 } }, accountLimit: 9, isTrusted: false });
  const account = relay.register(new FakeAccount(), host);
  for (let i = 0; i < 8; i++) host.send(account.commit());
  await eventually('it is over its rate', async () => (await status(host.hostname))['state'] === 'throttled');
  await relay.restart({ trustedDomains: ['127.0.0.1'] });
  expect(await status(host.hostname)).toMatchObject({ rates: { limits: { perSecond: 77 } }, accountLimit: 1_234, isTrusted: true });
});

test('notices of an account have the burst that the operator sets, each kind for itself', async () => {
  relay = await TestRelay.start({ noticeBurst: 2 });
  const host = await relay.crawledHost();
  const account = relay.register(new FakeAccount(), host);
  const consumer = await relay.consume();
  for (let i = 0; i < 3; i++) host.send(account.account(true));
  for (let i = 0; i < 3; i++) host.send(account.identity());
  await consumer.take(4);
  await eventually('one of each is dropped', async () => (await relay.metric('relay_events_dropped_total{reason="rateLimited"}')) === 2);
});

test('a key is believed for as long as the operator sets', async () => {
  const clock = new ManualClock(Date.now());
  relay = await TestRelay.start({ keyMaxAgeMs: 60_000 }, { clock });
  const ticking = setInterval(() => clock.advance(1), 2);
  try {
    const host = await relay.crawledHost();
    const account = relay.register(new FakeAccount(), host);
    const consumer = await relay.consume();
    const stale = (): Promise<number> => relay.metric('relay_identity_lookups_total{cause="stale"}');
    for (let i = 0; i < 2; i++) host.send(account.commit());
    await consumer.take(2);
    expect(await stale()).toBe(0);
    for (let i = 0; i < 7; i++) clock.advance(9_000);
    host.send(account.commit());
    await eventually('it is looked up', async () => (await stale()) === 1);
  } finally {
    clearInterval(ticking);
  }
});
