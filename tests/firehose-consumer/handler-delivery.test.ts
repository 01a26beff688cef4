/** Handlers: when an event is done, what a failure does, what order there is. */
import { expect, test, beforeEach } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import type { ConsumerEvent } from '../../firehose-consumer/src/events.ts';
import { HandlerDelivery } from '../../firehose-consumer/src/handler-delivery.ts';
import type { EventHandler, HandlerDeliveryOptions } from '../../firehose-consumer/src/handler-delivery.ts';
import type { OpenFrame } from '../../firehose-consumer/src/open-frame.ts';

/** An open frame with as many events as it is told; the delivery looks at nothing but its account. */
const frame = (did: string, seq: number, count = 1): OpenFrame => ({ frame: { did, seq }, count }) as unknown as OpenFrame;

let finished: number[];
let failed: unknown[];
let clock: ManualClock;
let stop: AbortController;
beforeEach(() => {
  finished = [];
  failed = [];
  clock = new ManualClock();
  stop = new AbortController();
});

function delivery(handler: EventHandler, options: Partial<HandlerDeliveryOptions> = {}): HandlerDelivery {
  return new HandlerDelivery({
    handler,
    concurrency: 4,
    clock,
    signal: stop.signal,
    eventsOf: (event, newAck) => Array.from({ length: (event as unknown as { count: number }).count }, (_, index) => ({ kind: 'record', seq: event.frame.seq, did: event.frame.did, rkey: String(index), ack: newAck() }) as unknown as ConsumerEvent),
    finish: (event) => finished.push(event.frame.seq),
    fail: (error) => failed.push(error),
    ...options,
  });
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a frame is finished when its last event is handled, at once where handlers do not wait', async () => {
  const seen: string[] = [];
  const plain = delivery((event) => void seen.push(`${event.seq}`));
  plain.deliver(frame('a', 1, 3));
  plain.deliver(frame('a', 2, 0));
  expect([seen, finished]).toEqual([['1', '1', '1'], [1, 2]]);
  const waits: (() => void)[] = [];
  const slow = delivery(() => new Promise((resolve) => waits.push(resolve)));
  slow.deliver(frame('a', 3, 2));
  for (const count of [1, 2]) {
    await settle();
    expect([waits.length, finished]).toEqual([count, [1, 2]]);
    waits[count - 1]?.();
  }
  await settle();
  expect(finished).toEqual([1, 2, 3]);
});

test('a concurrency of 1 keeps the order of the whole stream', async () => {
  const seen: number[] = [];
  const one = delivery(async (event) => {
    seen.push(event.seq);
    await settle();
  }, { concurrency: 1 });
  for (const [did, seq] of [['a', 1], ['a', 2], ['b', 3], ['a', 4], ['c', 5]] as const) one.deliver(frame(did, seq));
  while (finished.length < 5) await settle();
  expect([seen, finished]).toEqual([[1, 2, 3, 4, 5], [1, 2, 3, 4, 5]]);
});

test.each([
  ['throws', () => { throw new Error('no'); }],
  ['rejects', () => Promise.reject(new Error('no'))],
])('a handler that %s ends the run with what it said, and its event stays open', async (_how, handler) => {
  delivery(handler).deliver(frame('a', 7));
  await settle();
  expect(failed).toMatchObject([{ code: 'HandlerFailed', message: 'handler failed: kind=record seq=7 did=a', cause: new Error('no') }]);
  expect(finished).toEqual([]);
});

test('a failure can be skipped, or tried again after a back-off until it succeeds', async () => {
  let calls = 0;
  const attempts: number[] = [];
  const handler = (): void => {
    if (++calls < 4) throw new Error('not yet');
  };
  delivery(handler, { onHandlerError: (_error, _event, attempt) => (attempts.push(attempt), 'retry') }).deliver(frame('a', 1));
  while (finished.length === 0) {
    await settle();
    clock.advance(30_000);
  }
  expect([calls, attempts, failed]).toEqual([4, [1, 2, 3], []]);
  calls = 0;
  delivery(handler, { onHandlerError: () => 'skip' }).deliver(frame('a', 2));
  await settle();
  expect([calls, finished, failed]).toEqual([1, [1, 2], []]);
});

test('an onHandlerError that throws means stop', async () => {
  const throwing = { onHandlerError: (): never => { throw new Error('worse'); } };
  delivery(() => Promise.reject(new Error('no')), throwing).deliver(frame('a', 1));
  await settle();
  expect(failed).toMatchObject([{ code: 'HandlerFailed', cause: new Error('no') }]);
});

test('stopping waits for what is under way, begins nothing new and leaves the rest open', async () => {
  const seen: string[] = [];
  const wait = Promise.withResolvers<void>();
  const slow = delivery((event) => {
    seen.push(`${event.seq}`);
    return wait.promise;
  });
  slow.deliver(frame('a', 1));
  slow.deliver(frame('a', 2));
  slow.deliver(frame('b', 3, 2));
  stop.abort();
  const stopped = slow.stop();
  wait.resolve();
  await stopped;
  expect([seen, finished]).toEqual([['1', '3'], [1]]);
});

test('a retry that is waiting when the run ends leaves its event open', async () => {
  const retrying = delivery(() => Promise.reject(new Error('no')), { onHandlerError: () => 'retry' });
  retrying.deliver(frame('a', 1));
  await settle();
  stop.abort();
  await retrying.stop();
  expect([finished, failed]).toEqual([[], []]);
});
