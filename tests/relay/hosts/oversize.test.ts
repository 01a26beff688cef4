import { afterEach, expect, test } from '@jest/globals';
import { encodeErrorFrame } from '@dunlin/protocol/stream/frame';
import { Oversize } from '@dunlin/relay/hosts/oversize';
import { eventually } from '../../harness/wait.ts';
import { FakeAccount } from '../fixture/fake-account.ts';
import { TestRelay } from '../fixture/test-relay.ts';

let relay: TestRelay | null = null;

afterEach(async () => {
  await relay?.close();
  relay = null;
});

test('a place is tried three times, then passed over by one seq, and on by twice as many each time', () => {
  const rule = new Oversize();
  expect([rule.ended(10), rule.ended(10), rule.ended(10)]).toEqual([0, 0, 1]);
  expect([rule.ended(11), rule.ended(13), rule.ended(17)]).toEqual([2, 4, 8]);
  // Another place is another frame.
  expect([rule.ended(30), rule.ended(30), rule.ended(40), rule.ended(40), rule.ended(40)]).toEqual([0, 0, 0, 0, 1]);
  expect([rule.backFrom(40), rule.backFrom(41), rule.backFrom(41)]).toEqual([null, 40, null]);
  expect(rule.ended(41)).toBe(0);
});

test('a host is heard again behind a frame that cannot be read, and told why it is missing', async () => {
  relay = await TestRelay.start();
  const host = await relay.crawledHost();
  const account = relay.register(new FakeAccount(), host);
  const consumer = await relay.consume();
  host.send(account.commit());
  host.send(account.commit());
  await consumer.take(2);
  account.commit();
  host.sendBytes(Buffer.alloc(8_000_001));
  host.send(account.commit());
  await consumer.take(3);
  expect(host.firehose.connections.map(({ cursor }) => cursor)).toEqual([0, 2, 2, 3]);
  expect(await relay.metric('relay_events_dropped_total{reason="frameTooBig"}')).toBe(1);
  const status = (await (await relay.get(`/status/${host.hostname}.json`)).json()) as Record<string, unknown>;
  expect(status).toMatchObject({ cursor: 4, resets: 0, drops: [{ reason: 'frameTooBig', count: 1 }] });
  expect(relay.faults).toEqual([]);
});

test('a jump beyond the newest event is taken back, without a new numbering', async () => {
  relay = await TestRelay.start();
  const host = await relay.crawledHost();
  const account = relay.register(new FakeAccount(), host);
  const consumer = await relay.consume();
  host.send(account.commit());
  await consumer.take(1);
  // Seqs of this host have gaps: the frame that cannot be read has seq 3 and is its newest.
  let newest = 3;
  host.firehose.behaviour = (connection) => {
    if ((connection.cursor ?? 0) > newest) {
      connection.send(encodeErrorFrame('FutureCursor', 'cursor in the future'));
      connection.close(1008);
    } else if ((connection.cursor ?? 0) < 3) connection.send(Buffer.alloc(8_000_001));
    else for (const { seq, bytes } of host.firehose.log) if (seq > 3) connection.send(bytes);
  };
  (await host.firehose.connection(1)).terminate();
  await eventually('it stands behind the frame', () => host.firehose.connections.at(-1)?.cursor === 3);
  expect(host.firehose.connections.slice(1).map(({ cursor }) => cursor)).toEqual([1, 1, 1, 2, 4, 2, 2, 3]);
  host.seq = 3;
  newest = 4;
  host.send(account.commit());
  await consumer.take(2);
  const status = (await (await relay.get(`/status/${host.hostname}.json`)).json()) as Record<string, unknown>;
  expect(status).toMatchObject({ cursor: 4, resets: 0 });
});
