/** A relay whose disk fills up: it stops reading, says so, loses nothing, and goes on by itself. */
import { afterEach, expect, test } from '@jest/globals';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { replaceSeq } from '@dunlin/protocol/stream/replace-seq';
import { writeExactly } from '@dunlin/relay/log/segment';
import { eventually } from '../harness/wait.ts';
import { FakeAccount } from '../relay/fixture/fake-account.ts';
import { TestRelay } from '../relay/fixture/test-relay.ts';

let relay: TestRelay;
let isFull = false;
let free = 1e12;

afterEach(async () => {
  isFull = false;
  free = 1e12;
  await relay.close();
});

const deps = {
  freeBytes: async () => free,
  writeLog: (async (file, buffer, position) => {
    if (!isFull) return await writeExactly(file, buffer, position);
    await writeExactly(file, buffer.subarray(0, buffer.length / 2), position);
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  }) satisfies typeof writeExactly,
};

async function health(): Promise<{ status: number; message: string | undefined }> {
  const answer = await relay.get('/_health');
  return { status: answer.status, message: ((await answer.json()) as { message?: string }).message };
}

test('a full disk pauses hosts, answers 503, and every event comes out once when there is room', async () => {
  relay = await TestRelay.start({}, deps);
  const host = await relay.crawledHost();
  const account = relay.register(new FakeAccount(), host);
  const consumer = await relay.consume();
  host.send(account.commit([]));
  await consumer.take(1);
  isFull = true;
  for (let i = 0; i < 40; i++) host.send(account.commit());
  await eventually('health says no', async () => (await health()).status === 503);
  expect((await health()).message).toContain('the disk is full');
  expect(await relay.metric('relay_disk_full')).toBe(1);
  expect(consumer.frames).toHaveLength(1);
  isFull = false;
  await consumer.take(41);
  await eventually('health is good', async () => (await health()).status === 200);
  expect(await relay.metric('relay_disk_full')).toBe(0);
  for (let i = 0; i < 3; i++) host.send(account.commit());
  expect((await consumer.take(44)).length).toBe(44);
  expect(relay.faults).toEqual([]);
});

test('below the watermark hosts are not read; they are again above it', async () => {
  relay = await TestRelay.start({ minFreeBytes: 1_000 }, deps);
  const host = await relay.crawledHost();
  const account = relay.register(new FakeAccount(), host);
  const consumer = await relay.consume();
  host.send(account.commit([]));
  await consumer.take(1);
  free = 999;
  await eventually('health says no', async () => (await health()).status === 503);
  expect((await health()).message).toContain('nearly full');
  // The event that finds there is no room is the last one; nothing behind it is read.
  for (let i = 0; i < 20; i++) host.send(account.commit());
  await eventually('the host is paused', async () => (await relay.metric('relay_hosts_paused')) === 1);
  await consumer.take(2);
  expect(await relay.metric('relay_events_received_total{kind="commit"}')).toBe(2);
  free = 1_100;
  await consumer.take(21);
  expect((await health()).status).toBe(200);
});

test('a relay that is stopped while its disk is full has acknowledged nothing that it lost', async () => {
  relay = await TestRelay.start({}, deps);
  const host = await relay.crawledHost();
  const account = relay.register(new FakeAccount(), host);
  const consumer = await relay.consume();
  host.send(account.commit([]));
  await consumer.take(1);
  isFull = true;
  for (let i = 0; i < 10; i++) host.send(account.commit());
  await eventually('health says no', async () => (await health()).status === 503);
  await relay.restart({}, async () => {
    isFull = false;
  });
  const after = await relay.consume(0);
  const frames = await after.take(11);
  expect(frames).toHaveLength(11);
  // What got to the disk whole before it was full comes from the host once more, and is known by its rev.
  host.send(account.commit());
  const last = (await after.take(12)).at(-1);
  expect(last?.equals(replaceSeq(last, scanFrame(last), 4_294_967_297 + 11))).toBe(true);
  expect(relay.faults).toEqual([]);
});
