/**
 * Hosts that lie, shout, hang or talk nonsense, all at once and beside a good one: none of them stops the relay, none
 * gets anything out, and the good host is heard throughout.
 */
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { randomBytes } from '@dunlin/protocol/crypto/random';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { eventually } from '../harness/wait.ts';
import { FakeAccount } from '../relay/fixture/fake-account.ts';
import { TestRelay } from '../relay/fixture/test-relay.ts';
import type { FakeHost, TestConsumer } from '../relay/fixture/test-relay.ts';

let relay: TestRelay;
let good: FakeHost;
let consumer: TestConsumer;
const account = new FakeAccount();
let sent = 0;

beforeAll(async () => {
  relay = await TestRelay.start();
  good = await relay.crawledHost();
  relay.register(account, good);
  consumer = await relay.consume();
});

afterAll(() => relay.close());

/** The good host says something and is heard; nobody else was. */
async function goodIsHeard(): Promise<void> {
  good.send(account.commit());
  const frames = await consumer.take(++sent);
  expect(frames.every((frame) => scanFrame(frame).did === account.did)).toBe(true);
  expect(consumer.frames.length).toBe(sent);
  expect(relay.faults).toEqual([]);
}

async function dropped(reason: string, count: number): Promise<void> {
  await eventually(`${count} × ${reason}`, async () => (await relay.metric(`relay_events_dropped_total{reason="${reason}"}`)) >= count);
}

test('a host that signs with a wrong key', async () => {
  const host = await relay.crawledHost();
  const liar = relay.register(new FakeAccount(), host);
  liar.keypair = Keypair.generate();
  for (let i = 0; i < 20; i++) host.send(liar.commit());
  await dropped('badSignature', 20);
  await goodIsHeard();
});

test('a host that speaks for the accounts of another', async () => {
  const host = await relay.crawledHost();
  const copy = account.head;
  for (let i = 0; i < 20; i++) host.send(account.commit());
  account.head = copy;
  await dropped('wrongHost', 20);
  await goodIsHeard();
});

test('a host whose trees are broken', async () => {
  const host = await relay.crawledHost();
  const broken = relay.register(new FakeAccount(), host);
  broken.commit();
  for (let i = 0; i < 20; i++) {
    const event = broken.commit();
    host.send({ ...event, prevData: event.commit });
  }
  await dropped('inversionFailed', 20);
  await goodIsHeard();
});

test('a host that sends frames above every size', async () => {
  const host = await relay.crawledHost();
  host.sendBytes(new Uint8Array(6_000_000));
  await dropped('frameTooBig', 1);
  host.sendBytes(new Uint8Array(9_000_000));
  await host.firehose.connection(2);
  await goodIsHeard();
});

test('a host that sends random bytes, and right events with one byte of blocks or operations changed', async () => {
  const host = await relay.crawledHost();
  const odd = relay.register(new FakeAccount(), host);
  for (let i = 0; i < 200; i++) host.sendBytes(randomBytes(1 + (i * 37) % 2000));
  await dropped('badFrame', 200);
  const before = relay.faults.length;
  for (let i = 0; i < 300; i++) {
    const bytes = encodeEvent({ ...odd.commit(), seq: ++host.seq });
    // What is signed, hashed or proved; of time and since nobody can tell whether they are what the host meant.
    const { blocksOffset, blocksLength, opsOffset, opsEnd } = scanFrame(bytes);
    const isInOps = i % 4 === 0;
    const at = isInOps ? opsOffset + Math.floor(Math.random() * (opsEnd - opsOffset)) : blocksOffset + Math.floor(Math.random() * blocksLength);
    bytes[at] = (bytes[at] ?? 0) ^ (1 + Math.floor(Math.random() * 255));
    host.firehose.append({ seq: host.seq, bytes });
  }
  await eventually('all of them are decided', async () => (await relay.metric('relay_intake_bytes')) === 0);
  expect(relay.faults.length).toBe(before);
  expect(consumer.frames.every((frame) => scanFrame(frame).did !== odd.did)).toBe(true);
  await goodIsHeard();
});

test('a host that floods', async () => {
  const host = await relay.crawledHost();
  const connection = await host.firehose.connection(1);
  for (let i = 0; i < 20_000; i++) connection.send(Buffer.from('nonsense'));
  await goodIsHeard();
  await goodIsHeard();
});

test('a host that names accounts nobody knows', async () => {
  const host = await relay.crawledHost();
  for (let i = 0; i < 300; i++) host.send(new FakeAccount().account(true));
  await dropped('unknownAccount', 300);
  await goodIsHeard();
});

test('a host that takes the connection and never says a word', async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket.on('error', () => undefined)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const hostname = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    expect((await relay.requestCrawl(hostname)).status).toBe(200);
    await eventually('it was dialled', () => sockets.length > 0);
    await goodIsHeard();
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

test('a host that sends text', async () => {
  const host = await relay.crawledHost();
  const connection = await host.firehose.connection(1);
  for (let i = 0; i < 50; i++) connection.sendText('{"hello":"relay"}');
  await eventually('they are counted', async () => (await relay.metric('relay_host_text_frames_ignored_total')) >= 50);
  await goodIsHeard();
});
