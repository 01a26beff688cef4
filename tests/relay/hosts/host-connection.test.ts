import { afterEach, expect, test } from '@jest/globals';
import { encodeErrorFrame } from '@dunlin/protocol/stream/frame';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { eventually } from '../../harness/wait.ts';
import { FakeAccount } from '../fixture/fake-account.ts';
import { TestRelay } from '../fixture/test-relay.ts';

let relay: TestRelay;

afterEach(() => relay.close());

test('a new host is heard from its oldest event, and again from its cursor after a restart', async () => {
  relay = await TestRelay.start();
  const host = await relay.crawledHost();
  const account = relay.register(new FakeAccount(), host);
  expect((await host.firehose.connection(1)).cursor).toBe(0);
  const consumer = await relay.consume();
  for (let i = 0; i < 5; i++) host.send(account.commit());
  await consumer.take(5);
  await relay.restart();
  expect((await host.firehose.connection(2)).cursor).toBe(5);
  const after = await relay.consume(0);
  host.send(account.commit());
  expect((await after.take(6)).map((frame) => scanFrame(frame).rev)).toHaveLength(6);
  expect(await relay.metric('relay_commits_discontinuous_total{field="since"}')).toBe(0);
});

test('a connection that breaks is made again from the last event that came', async () => {
  relay = await TestRelay.start();
  const host = await relay.crawledHost();
  const account = relay.register(new FakeAccount(), host);
  const consumer = await relay.consume();
  host.send(account.commit());
  await consumer.take(1);
  (await host.firehose.connection(1)).terminate();
  expect((await host.firehose.connection(2)).cursor).toBe(1);
  host.send(account.commit());
  await consumer.take(2);
  expect(await relay.metric('relay_events_dropped_total{reason="seqNotIncreasing"}')).toBe(0);
});

test('a host that does not know our cursor is heard from its oldest event again; revs sort out what is known', async () => {
  relay = await TestRelay.start();
  const host = await relay.crawledHost();
  const account = relay.register(new FakeAccount(), host);
  const consumer = await relay.consume();
  const first = account.commit();
  for (const event of [first, account.commit(), account.commit()]) host.send(event);
  await consumer.take(3);
  // Restored from a backup: its numbering is behind, its first event is one we know.
  host.firehose.log.length = 0;
  host.seq = 0;
  host.firehose.log.push({ seq: 1, bytes: encodeEvent({ ...first, seq: 1 }) }, { seq: 2, bytes: encodeEvent({ ...account.commit(), seq: 2 }) });
  host.firehose.behaviour = (connection) => {
    if ((connection.cursor ?? 0) > 2) {
      connection.send(encodeErrorFrame('FutureCursor', 'cursor in the future'));
      connection.close(1008);
    } else for (const frame of host.firehose.log) if (frame.seq > (connection.cursor ?? 0)) connection.send(frame.bytes);
  };
  (await host.firehose.connection(1)).terminate();
  await consumer.take(4);
  expect(await relay.metric('relay_host_numberings_reset_total')).toBe(1);
  expect(await relay.metric('relay_events_dropped_total{reason="revNotNewer"}')).toBe(1);
  await eventually('the cursor is that of the new numbering', async () => {
    const status = (await (await relay.get(`/xrpc/com.atproto.sync.getHostStatus?hostname=${host.hostname}`)).json()) as { seq: number };
    return status.seq === 2;
  });
});

test('a host that goes back in its numbering without a word is followed', async () => {
  relay = await TestRelay.start();
  const host = await relay.crawledHost();
  const account = relay.register(new FakeAccount(), host);
  const consumer = await relay.consume();
  for (let i = 0; i < 3; i++) host.send(account.commit());
  await consumer.take(3);
  host.firehose.behaviour = (connection) => connection.send(encodeEvent({ ...account.commit(), seq: 1 }));
  (await host.firehose.connection(1)).terminate();
  await consumer.take(4);
  expect(await relay.metric('relay_host_numberings_reset_total')).toBe(1);
});

test('a host over its rate is not read for a while, and nothing of it is dropped', async () => {
  relay = await TestRelay.start({ trustedDomains: [] });
  const host = await relay.addHost();
  const account = relay.register(new FakeAccount(), host);
  for (let i = 0; i < 80; i++) host.send(account.commit());
  const consumer = await relay.consume();
  await relay.requestCrawl(host.hostname);
  const status = await eventually('the host is throttled', async () => {
    const answer = (await (await relay.get(`/xrpc/com.atproto.sync.getHostStatus?hostname=${host.hostname}`)).json()) as { status: string };
    return answer.status === 'throttled' ? answer : null;
  });
  expect(status).toMatchObject({ status: 'throttled' });
  expect((await consumer.take(80)).length).toBe(80);
});

test('a host that hangs up at once is tried again, ever more slowly, and heard when it stops', async () => {
  relay = await TestRelay.start();
  const host = await relay.addHost();
  const account = relay.register(new FakeAccount(), host);
  host.firehose.behaviour = (connection) => connection.close(1000);
  await relay.requestCrawl(host.hostname);
  await host.firehose.connection(6);
  const offline = (await (await relay.get(`/xrpc/com.atproto.sync.getHostStatus?hostname=${host.hostname}`)).json()) as { status: string };
  expect(['offline', 'active']).toContain(offline.status);
  host.firehose.behaviour = null;
  const consumer = await relay.consume();
  host.send(account.commit());
  await consumer.take(1);
});

test('a host that is stopped at every frame for want of room is read on each time, whatever becomes of the frame', async () => {
  relay = await TestRelay.start({ intakeBytesPerHost: 1 });
  const host = await relay.crawledHost();
  const account = relay.register(new FakeAccount(), host);
  const consumer = await relay.consume();
  const first = account.commit();
  host.send(first);
  // Dropped in the very moment they are taken in: the room comes back before anybody could wait for it.
  for (let i = 0; i < 30; i++) host.send(first);
  for (let i = 0; i < 5; i++) host.send(account.commit());
  await consumer.take(6);
  expect(await relay.metric('relay_events_dropped_total{reason="revNotNewer"}')).toBe(30);
  expect(await relay.metric('relay_events_dropped_total{reason="seqNotIncreasing"}')).toBe(0);
});
