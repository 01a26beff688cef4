/**
 * Guarantee 4 of the README: whatever is lost, crashes or lags, in the end somebody who only listens knows exactly what the
 * repositories hold, deletes too. A model test over random happenings, for each way of consuming, against a real socket.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { FirehoseConsumer } from '../../firehose-consumer/src/index.ts';
import { FakeFirehose } from '../harness/fake-firehose.ts';
import { turns } from '../harness/wait.ts';
import { Listener, Network } from './continuity-model.ts';
import type { Act, RepoManner } from './continuity-model.ts';

let server: FakeFirehose;
beforeEach(async () => {
  server = await FakeFirehose.start();
});
afterEach(() => server.close());

const act: fc.Arbitrary<Act> = fc.record({
  account: fc.nat(2),
  kind: fc.oneof({ weight: 20, arbitrary: fc.constant('write' as const) }, { weight: 2, arbitrary: fc.constantFrom('sync', 'rest', 'delete', 'identity') }) as fc.Arbitrary<Act['kind']>,
  record: fc.nat(8),
  isDeletion: fc.boolean(),
  isLost: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});
const manner: fc.Arbitrary<RepoManner> = fc.constantFrom('right', 'right', 'refuses', 'cuts', 'lags', 'slow');
const life = fc.record({
  acts: fc.array(act, { minLength: 5, maxLength: 25 }),
  handlerTurns: fc.array(fc.nat(4), { minLength: 3, maxLength: 3 }),
  /** How many turns lie between two acts. */
  pace: fc.integer({ min: 0, max: 6 }),
  concurrency: fc.constantFrom(1, 4),
  maxBufferedBytes: fc.constantFrom(4_000, 20_000, 1_000_000),
  endsAfter: fc.integer({ min: 0, max: 40 }),
  isCrash: fc.boolean(),
});
type Life = typeof life extends fc.Arbitrary<infer T> ? T : never;

/** Consumes in one of the ways until closed. */
type Consume = (consumer: FirehoseConsumer, listener: Listener, wait: () => Promise<void>) => Promise<void>;

const ways: Record<string, Consume> = {
  'with handlers': (consumer, listener, wait) =>
    consumer.run(async (event) => {
      await wait();
      listener.hear(event);
    }),
  'with an iterator and acknowledgements in any order': async (consumer, listener, wait) => {
    for await (const event of consumer) {
      // Heard in order, said to be done in any.
      listener.hear(event);
      if (listener.isUp) void wait().then(() => event.ack());
    }
  },
  'in batches whose cursor the listener keeps': (consumer, listener, wait) =>
    consumer.runBatches(async ({ events, cursor }) => {
      await wait();
      for (const event of events) listener.hear(event);
      if (listener.isUp && cursor !== null) listener.cursor = cursor;
    }),
};

/** One process, from its start to its crash or its close in mid-life, or in the last life until nothing is left to do. */
async function live(network: Network, listener: Listener, consume: Consume, { acts, handlerTurns, pace, concurrency, maxBufferedBytes, endsAfter, isCrash }: Life, isLast: boolean): Promise<void> {
  const clock = new ManualClock();
  const ledger = listener.ledger();
  const consumer = new FirehoseConsumer({
    service: server.url, cursor: 0, cursorStore: listener.store(), clock, concurrency, maxBufferedBytes, saveIntervalMs: 100, verify: 'full', identity: network.identity,
    collections: ['app.test.record', 'app.test.other'], backoff: { minMs: 1, maxMs: 2 }, unit: concurrency === 1 ? 'commit' : 'record',
    continuity: { ledger, newAccounts: 'fetch', fetch: network.fetch as typeof fetch, hostIntervalMs: 10 },
  });
  listener.begin();
  let calls = 0;
  const ended = consume(consumer, listener, () => turns(handlerTurns[calls++ % handlerTurns.length] as number));
  const left = [...acts];
  for (let step = 1; ; step++) {
    await turns(1);
    clock.advance(100);
    if (step % (pace + 1) === 0) {
      const next = left.shift();
      if (next) network.act(next);
    }
    if (!isLast && left.length === 0 && (listener.handled >= endsAfter || step > 2_000)) break;
    if (isLast && left.length === 0) {
      const last = server.log.at(-1)?.seq ?? 0;
      const isQuiet = (await ledger.stale('', 1)).length === 0 && consumer.stats()?.openEvents === 0 && consumer.stats()?.heldBytes === 0;
      if (isQuiet && (consumer.cursor ?? 0) >= last) break;
    }
    if (step > 100_000) throw new Error(`no end: ${JSON.stringify([consumer.stats(), await ledger.stale('', 9), network.fetches])}`);
  }
  listener.isUp = !isCrash;
  await consumer.close();
  await ended;
}

describe('guarantee 4: nothing is missed, deletes neither', () => {
  test.each(Object.entries(ways))('whatever is lost, lags or crashes: %s', async (_name, consume) => {
    await fc.assert(
      fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 3 }), fc.array(manner, { maxLength: 12 }), async (lives, manners) => {
        server.log.length = 0;
        const network = new Network(server, manners, turns);
        const listener = new Listener();
        for (const each of lives) await live(network, listener, consume, each, false);
        network.settle();
        await live(network, listener, consume, { acts: [], handlerTurns: [1, 0, 0], pace: 0, concurrency: 4, maxBufferedBytes: 1_000_000, endsAfter: 0, isCrash: false }, true);
        expect(listener.faults).toEqual([]);
        expect(new Map([...listener.known].toSorted())).toEqual(new Map([...network.truth()].toSorted()));
      }),
      { seed: 20260101, numRuns: 60 },
    );
  });
});
