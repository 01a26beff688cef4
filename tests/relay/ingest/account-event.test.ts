import { afterEach, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { decodeEvent } from '@dunlin/protocol/stream/event-codec';
import { LateStatuses } from '@dunlin/relay/ingest/late-status';
import type { Upstream } from '@dunlin/relay/ingest/upstream';
import { eventually } from '../../harness/wait.ts';
import { FakeAccount } from '../fixture/fake-account.ts';
import { TestRelay } from '../fixture/test-relay.ts';

let relay: TestRelay | null = null;

afterEach(async () => {
  await relay?.close();
  relay = null;
});

test('too many #account events of one account are dropped, and the last word is told when the limit allows', async () => {
  const clock = new ManualClock(Date.now());
  relay = await TestRelay.start({}, { clock });
  const host = await relay.crawledHost();
  await host.firehose.connection(1);
  const [account, other] = [relay.register(new FakeAccount(), host), relay.register(new FakeAccount(), host)];
  const consumer = await relay.consume();
  const ticking = setInterval(() => clock.advance(10), 5);
  try {
    host.send(account.commit());
    for (let i = 0; i < 20; i++) host.send(account.account(i % 2 === 0, i % 2 === 0 ? null : 'deactivated'));
    host.send(account.account(true));
    host.send(account.account(false, 'takendown'));
    host.send(other.account(true));
    await consumer.take(22);
    expect(await relay.metric('relay_events_dropped_total{reason="rateLimited"}')).toBe(2);
    clock.advance(600_000);
    clock.advance(60_000);
    // So long a time in one go ends connections.
    const frames = await (await relay.consume(0)).take(23);
    expect(decodeEvent(frames[22] ?? Buffer.alloc(0))).toMatchObject({ kind: 'account', did: account.did, active: false, status: 'takendown' });
    host.send(account.commit());
    const dropped = relay;
    await eventually('its commits are dropped', async () => (await dropped.metric('relay_events_dropped_total{reason="inactive"}')) === 1);
  } finally {
    clearInterval(ticking);
  }
});

test('keeps the newest word of each account until it is told, or its host says something newer', () => {
  const clock = new ManualClock();
  const told: [string, boolean][] = [];
  let isAllowed = false;
  const late = new LateStatuses(clock, (did, { said }) => {
    if (isAllowed) told.push([did, said.active]);
    return isAllowed;
  });
  const upstream = {} as Upstream;
  late.keep('a', { upstream, said: { active: true, status: null } });
  late.keep('a', { upstream, said: { active: false, status: null } });
  late.keep('b', { upstream, said: { active: true, status: null } });
  late.forget('b');
  clock.advance(60_000);
  isAllowed = true;
  clock.advance(120_000);
  expect(told).toEqual([['a', false]]);
  late.close();
});
