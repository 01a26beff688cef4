/**
 * The three guarantees of the README, each against a server on a real socket: order per DID, at least once, bounded
 * memory. The second is a model test: runs crash at random moments and begin again from what was saved.
 */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { FirehoseConsumer } from '../../firehose-consumer/src/index.ts';
import type { ConsumerEvent, ConsumerOptions, CursorStore } from '../../firehose-consumer/src/index.ts';
import { FakeFirehose } from '../harness/fake-firehose.ts';
import { eventually, turns } from '../harness/wait.ts';
import { MadeAccount, MadeResolver, unprovenCreate } from './made-stream.ts';

let server: FakeFirehose;
beforeEach(async () => {
  server = await FakeFirehose.start();
});
afterEach(() => server.close());

describe('guarantee 1: order per DID, side by side across DIDs, bounded', () => {
  test('holds for any handlers and key look-ups that take any time', async () => {
    const accounts = Array.from({ length: 6 }, (_, index) => new MadeAccount(`account${index}`));
    const plan = fc.sample(fc.record({ account: fc.nat(5), handlerTurns: fc.nat(4), lookupTurns: fc.nat(6) }), 250);
    for (const [index, { account }] of plan.entries()) server.log.push({ seq: index + 1, bytes: (accounts[account] as MadeAccount).create(index + 1, `app.test.record/r${index}`) });
    const identity = new MadeResolver(...accounts);
    identity.before = () => turns(plan[identity.asked.length]?.lookupTurns ?? 0);
    const consumer = new FirehoseConsumer({ service: server.url, cursor: 0, verify: 'full', identity, concurrency: 3 });
    const running = new Set<string>();
    const done: ConsumerEvent[] = [];
    let widest = 0;
    const ended = consumer.run(async (event) => {
      expect(running.has(event.did)).toBe(false);
      running.add(event.did);
      widest = Math.max(widest, running.size);
      await turns(plan[event.seq - 1]?.handlerTurns ?? 0);
      running.delete(event.did);
      done.push(event);
    });
    await eventually('all handled', () => done.length === plan.length);
    await consumer.close();
    await ended;
    expect(widest).toBe(3);
    for (const { did } of accounts) {
      const seqs = done.filter((event) => event.did === did).map((event) => event.seq);
      expect(seqs).toEqual(seqs.toSorted((a, b) => a - b));
    }
  });
});

/** Lets a run go until `isOver`; cuts the connection and moves the clock, and so the saves, as it goes. */
async function live(consumer: FirehoseConsumer, clock: ManualClock, cutsAfter: number, isOver: () => boolean): Promise<void> {
  for (let step = 1; !isOver(); step++) {
    await turns(1);
    clock.advance(100);
    if (step % (cutsAfter * 4) === 0) server.connections.at(-1)?.terminate();
    if (step > 20_000) throw new Error(`no end: ${JSON.stringify(consumer.stats())}`);
  }
}

describe('guarantee 2: at least once', () => {
  const total = 60;
  /** A disk that outlives crashes: what was saved when the process died is what the next one loads. */
  class Disk {
    cursor: number | null = null;
    isUp = true;
    readonly #handled: ReadonlySet<number>;

    constructor(handled: ReadonlySet<number>) {
      this.#handled = handled;
    }

    store(): CursorStore {
      return {
        load: () => Promise.resolve(this.cursor),
        save: async (cursor) => {
          if (!this.isUp) return;
          for (let seq = 1; seq <= cursor; seq++) expect(this.#handled.has(seq)).toBe(true);
          this.cursor = cursor;
        },
      };
    }
  }

  const crash = fc.record({ afterHandled: fc.integer({ min: 0, max: 25 }), cutsAfter: fc.integer({ min: 1, max: 20 }), handlerTurns: fc.array(fc.nat(5), { minLength: 7, maxLength: 7 }) });

  beforeEach(() => {
    for (let seq = 1; seq <= total; seq++) server.log.push({ seq, bytes: unprovenCreate(seq, `did:web:${seq % 5}.test`, seq % 4 === 0 ? 'app.test.other/a' : 'app.test.record/a') });
  });

  const wanted = Array.from({ length: total }, (_, index) => index + 1).filter((seq) => seq % 4 !== 0);
  const options = (disk: Disk, clock: ManualClock): ConsumerOptions => ({ service: server.url, cursor: 0, cursorStore: disk.store(), clock, collections: ['app.test.record'], backoff: { minMs: 1, maxMs: 2 }, saveIntervalMs: 100, concurrency: 4 });

  test('a crash at any moment repeats, never skips: with handlers', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(crash, { maxLength: 4 }), async (crashes) => {
        const handled = new Set<number>(Array.from({ length: total }, (_, index) => index + 1).filter((seq) => seq % 4 === 0));
        const disk = new Disk(handled);
        for (const { afterHandled, cutsAfter, handlerTurns } of [...crashes, { afterHandled: Infinity, cutsAfter: 10, handlerTurns: [1, 0] }]) {
          const clock = new ManualClock();
          let count = 0;
          disk.isUp = true;
          const consumer = new FirehoseConsumer(options(disk, clock));
          const ended = consumer.run(async (event) => {
            await turns(handlerTurns[event.seq % handlerTurns.length] as number);
            if (!disk.isUp) return;
            handled.add(event.seq);
            count += 1;
          });
          await live(consumer, clock, cutsAfter, () => count >= afterHandled || consumer.cursor === total);
          disk.isUp = consumer.cursor === total;
          await consumer.close();
          await ended;
          if (disk.cursor === total) break;
        }
        expect(disk.cursor).toBe(total);
        for (const seq of wanted) expect(handled.has(seq)).toBe(true);
      }),
      { numRuns: 25 },
    );
  });

  test('a crash at any moment repeats, never skips: with an iterator and acknowledgements in any order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(crash, { maxLength: 4 }), async (crashes) => {
        const handled = new Set<number>(Array.from({ length: total }, (_, index) => index + 1).filter((seq) => seq % 4 === 0));
        const disk = new Disk(handled);
        for (const { afterHandled, cutsAfter, handlerTurns } of [...crashes, { afterHandled: Infinity, cutsAfter: 10, handlerTurns: [1, 0] }]) {
          const clock = new ManualClock();
          let count = 0;
          disk.isUp = true;
          const consumer = new FirehoseConsumer(options(disk, clock));
          const loop = (async () => {
            for await (const event of consumer) {
              void turns(handlerTurns[event.seq % handlerTurns.length] as number).then(() => {
                if (!disk.isUp) return;
                handled.add(event.seq);
                count += 1;
                event.ack();
              });
            }
          })();
          await live(consumer, clock, cutsAfter, () => count >= afterHandled || consumer.cursor === total);
          disk.isUp = consumer.cursor === total;
          await consumer.close();
          await loop;
          if (disk.cursor === total) break;
        }
        expect(disk.cursor).toBe(total);
        for (const seq of wanted) expect(handled.has(seq)).toBe(true);
      }),
      { numRuns: 25 },
    );
  });
});

describe('guarantee 3: memory bounded in bytes', () => {
  test('a handler that hangs stops the socket; what is held never passes the bound and one event', async () => {
    const maxBufferedBytes = 500_000;
    const filling = { text: 'x'.repeat(50_000) };
    for (let seq = 1; seq <= 600; seq++) server.log.push({ seq, bytes: unprovenCreate(seq, `did:web:${seq % 9}.test`, 'app.test.record/a', filling) });
    const consumer = new FirehoseConsumer({ service: server.url, cursor: 0, maxBufferedBytes });
    const gate = Promise.withResolvers<void>();
    const seqs: number[] = [];
    let mostHeld = 0;
    const ended = consumer.run(async (event) => {
      mostHeld = Math.max(mostHeld, consumer.stats()?.heldBytes ?? 0);
      await gate.promise;
      seqs.push(event.seq);
    });
    await eventually('paused', () => consumer.stats()?.isPaused);
    const { openEvents, heldBytes } = consumer.stats() ?? { openEvents: 0, heldBytes: 0 };
    await turns(20);
    expect(consumer.stats()).toMatchObject({ openEvents, heldBytes, isPaused: true });
    expect(openEvents).toBeLessThanOrEqual(10);
    // 30 MB wait at the server: neither side of this process has read them.
    expect((await server.connection(1)).socket.bufferedAmount).toBeGreaterThan(15_000_000);
    gate.resolve();
    await eventually('all handled', () => seqs.length === 600);
    expect(mostHeld).toBeLessThan(maxBufferedBytes + 60_000);
    expect(consumer.stats()).toMatchObject({ heldBytes: 0, openEvents: 0, isPaused: false });
    expect(server.connections).toHaveLength(1);
    await consumer.close();
    await ended;
  });

  test('one event larger than the bound still passes', async () => {
    server.log.push({ seq: 1, bytes: unprovenCreate(1, 'did:web:a.test', 'app.test.record/a', { text: 'x'.repeat(50_000) }) }, { seq: 2, bytes: unprovenCreate(2, 'did:web:a.test', 'app.test.record/a') });
    const consumer = new FirehoseConsumer({ service: server.url, cursor: 0, maxBufferedBytes: 10 });
    const seqs: number[] = [];
    const ended = consumer.run(async (event) => {
      await turns(1);
      seqs.push(event.seq);
    });
    await eventually('both handled', () => seqs.length === 2);
    await consumer.close();
    await ended;
  });
});
