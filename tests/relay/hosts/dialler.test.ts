import { expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { Dialler } from '@dunlin/relay/hosts/dialler';
import { eventually } from '../../harness/wait.ts';
import { FakeAccount } from '../fixture/fake-account.ts';
import { TestRelay } from '../fixture/test-relay.ts';

test('dials so many at a time, the next when one is through or takes too long, and ends', () => {
  const clock = new ManualClock();
  const [dialled, open] = [[] as number[], new Set<number>()];
  const hosts = Array.from({ length: 6 }, (_, id) => ({ id }));
  const dialler = new Dialler({
    hosts, atOnce: 2, clock, isDialling: (id) => open.has(id),
    // Host 3 is one that is not to be dialled at all.
    connect: ({ id }) => void (dialled.push(id), id !== 3 && open.add(id)),
  });
  expect([dialled, dialler.waiting]).toEqual([[0, 1], 4]);
  clock.advance(1_000);
  expect(dialled).toHaveLength(2);
  open.delete(1);
  clock.advance(50);
  expect(dialled).toEqual([0, 1, 2]);
  clock.advance(1_950);
  expect(dialled).toEqual([0, 1, 2, 3, 4]);
  clock.advance(3_000);
  expect([dialled, dialler.waiting]).toEqual([[0, 1, 2, 3, 4, 5], 0]);
  clock.advance(10_000);
  expect(dialled).toHaveLength(6);
});

test('after a restart every host is dialled from the cursor that the log knows, one at a time when that is wanted', async () => {
  const relay = await TestRelay.start();
  try {
    const hosts = [await relay.crawledHost(), await relay.crawledHost(), await relay.crawledHost()];
    const accounts = hosts.map((host) => relay.register(new FakeAccount(), host));
    const more = relay.register(new FakeAccount(), hosts[2]!);
    const consumer = await relay.consume();
    for (const [i, account] of accounts.entries()) hosts[i]!.send(account.commit());
    hosts[2]!.send(more.commit());
    await consumer.take(4);
    const order: number[] = [];
    for (const [i, host] of hosts.entries()) host.firehose.behaviour = () => void order.push(i);
    await relay.restart({ dialsAtOnce: 1, hosts: [] });
    await eventually('all are dialled', () => order.length === 3);
    expect([order[0], hosts.map(({ firehose }) => firehose.connections.at(-1)?.cursor)]).toEqual([2, [1, 1, 2]]);
    expect(relay.faults).toEqual([]);
  } finally {
    await relay.close();
  }
});

test('a host that is blocked before its turn is not dialled', async () => {
  const relay = await TestRelay.start({ newHostsPerDay: 100 });
  try {
    const hosts = [];
    while (hosts.length < 16) hosts.push(await relay.crawledHost());
    for (const { firehose } of hosts) await firehose.connection(1);
    const [blocked, last] = hosts.slice(-2);
    await relay.restart({ dialsAtOnce: 1, hosts: [] });
    expect((await relay.post('/admin/pds/block', { host: blocked!.hostname }, relay.operator)).status).toBe(200);
    await last!.firehose.connection(2);
    await relay.crawledHost();
    expect(blocked!.firehose.connections).toHaveLength(1);
  } finally {
    await relay.close();
  }
});
