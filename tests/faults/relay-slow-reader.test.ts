/**
 * A consumer that does not read costs only itself: others get everything meanwhile, what the relay keeps for it is
 * bounded, and when it reads again it gets every event, in order, out of the log.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { FakeAccount, createWrite } from '../relay/fixture/fake-account.ts';
import { TestRelay } from '../relay/fixture/test-relay.ts';

let relay: TestRelay;

beforeAll(async () => {
  relay = await TestRelay.start({ consumerBufferBytes: 1_048_576 });
});

afterAll(() => relay.close());

test('a consumer that does not read costs only itself', async () => {
  const host = await relay.crawledHost();
  const account = relay.register(new FakeAccount(), host);
  const [slow, quick] = [await relay.consume(), await relay.consume()];
  slow.socket.pause();
  const count = 150;
  for (let i = 0; i < count; i++) host.send(account.commit([createWrite(`big${String(i).padStart(5, '0')}`, 300_000)]));
  await quick.take(count);
  const consumers = (await (await relay.get('/admin/consumers/list', relay.operator)).json()) as { bufferedBytes: number; sentEvents: number }[];
  const behind = consumers.find((consumer) => consumer.sentEvents < count);
  // 45 MB went by; of them only what its socket and one slice hold is kept for it.
  expect(behind?.bufferedBytes).toBeLessThan(2_000_000);
  slow.socket.resume();
  const frames = await slow.take(count);
  expect(frames.map((frame) => scanFrame(frame).seq)).toEqual(Array.from({ length: count }, (_, i) => 4_294_967_297 + i));
  expect(relay.faults).toEqual([]);
});
