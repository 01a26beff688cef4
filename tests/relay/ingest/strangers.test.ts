import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { eventually } from '../../harness/wait.ts';
import { FakeAccount } from '../fixture/fake-account.ts';
import { TestRelay } from '../fixture/test-relay.ts';
import type { FakeHost, TestConsumer } from '../fixture/test-relay.ts';

let relay: TestRelay;
let home: FakeHost;
let stranger: FakeHost;
let consumer: TestConsumer;
const account = new FakeAccount();

beforeEach(async () => {
  relay = await TestRelay.start({}, { random: () => 0.02 });
  home = await relay.crawledHost();
  stranger = await relay.crawledHost();
  relay.register(account, home);
  consumer = await relay.consume();
  home.send(account.commit());
  await consumer.take(1);
});

afterEach(() => relay.close());

async function dropped(reason: string, count: number): Promise<void> {
  await eventually(`${count} × ${reason}`, async () => (await relay.metric(`relay_events_dropped_total{reason="${reason}"}`)) >= count);
}

test('a stranger cannot use up the looking-up that a rotated key needs', async () => {
  for (let i = 0; i < 5; i++) stranger.send(account.account(true));
  await dropped('wrongHost', 5);
  account.keypair = Keypair.generate();
  relay.register(account, home);
  home.send(account.commit());
  expect(scanFrame((await consumer.take(2))[1] ?? Buffer.alloc(0)).rev).toBe(account.head?.rev);
});

test('a stranger cannot use up the #identity events of an account', async () => {
  for (let i = 0; i < 30; i++) stranger.send(account.identity());
  await dropped('wrongHost', 20);
  await dropped('rateLimited', 10);
  home.send(account.identity());
  expect(scanFrame((await consumer.take(2))[1] ?? Buffer.alloc(0)).t).toBe('#identity');
});

test('a stranger cannot keep an account waiting while the directory is silent', async () => {
  relay.directory.isDown = true;
  stranger.send(account.identity());
  await eventually('the stranger\'s event is held', async () => (await relay.metric('relay_held_bytes')) > 0);
  home.send(account.commit());
  expect(scanFrame((await consumer.take(2))[1] ?? Buffer.alloc(0)).rev).toBe(account.head?.rev);
  relay.directory.isDown = false;
  await dropped('wrongHost', 1);
});

test('DIDs that nobody knows are asked for once, however often they are named', async () => {
  const nobody = new FakeAccount();
  for (let i = 0; i < 10; i++) stranger.send(nobody.identity());
  await dropped('unknownAccount', 10);
  // Once, and once more past the cache.
  expect(relay.directory.asked.filter((did) => did === nobody.did).length).toBeLessThanOrEqual(2);
});
