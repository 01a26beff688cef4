/** Iterating: acknowledging by hand and by asking on, leaving in the middle, coming to a stop. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import { FirehoseConsumer, memoryCursor } from '../../firehose-consumer/src/index.ts';
import type { ConsumerEvent, ConsumerOptions } from '../../firehose-consumer/src/index.ts';
import { FakeFirehose } from '../harness/fake-firehose.ts';
import { eventually } from '../harness/wait.ts';
import { MadeAccount, unprovenCreate } from './made-stream.ts';

let server: FakeFirehose;
let consumer: FirehoseConsumer;
beforeEach(async () => {
  server = await FakeFirehose.start();
});
afterEach(async () => {
  await consumer.close();
  await server.close();
});

const logged = (seq: number): { seq: number; bytes: Uint8Array } => ({ seq, bytes: unprovenCreate(seq, `did:web:${seq % 3}.test`, 'app.test.record/a') });

function make(options: Partial<ConsumerOptions> = {}): FirehoseConsumer {
  consumer = new FirehoseConsumer({ service: server.url, cursor: 0, backoff: { minMs: 1, maxMs: 2 }, ...options });
  return consumer;
}

describe('with a store, an event', () => {
  test('is done when it is acknowledged, in any order, once', async () => {
    for (let seq = 1; seq <= 4; seq++) server.log.push(logged(seq));
    const cursorStore = memoryCursor();
    const events: ConsumerEvent[] = [];
    for await (const event of make({ cursorStore })) {
      events.push(event);
      if (event.seq === 4) break;
    }
    expect(consumer.cursor).toBe(0);
    const cursors = [1, 0, 0, 3, 2].map((index) => {
      events[index]?.ack();
      return consumer.cursor;
    });
    expect(cursors).toEqual([0, 2, 2, 2, 4]);
    expect(await cursorStore.load()).toBe(0);
  });

  test('that was acknowledged before leaving the loop is saved', async () => {
    for (let seq = 1; seq <= 4; seq++) server.log.push(logged(seq));
    const cursorStore = memoryCursor();
    for await (const event of make({ cursorStore })) {
      if (event.seq === 3) break;
      event.ack();
    }
    expect(await cursorStore.load()).toBe(2);
  });

  test('of a commit with several records keeps the commit open until all are acknowledged', async () => {
    const writes = [1, 2, 3].map((index) => ({ path: `app.test.record/r${index}`, record: { index } }));
    server.log.push({ seq: 1, bytes: encodeEvent(new MadeAccount('a').commit(1, ...writes)) });
    const events: ConsumerEvent[] = [];
    for await (const event of make({ cursorStore: memoryCursor() })) if (events.push(event) === 3) break;
    for (const [index, cursor] of [[0, 0], [0, 0], [2, 0], [1, 1]] as const) {
      events[index]?.ack();
      expect(consumer.cursor).toBe(cursor);
    }
  });
});

test('without a store, asking for the next event ends the one before, and leaving leaves the last open', async () => {
  for (let seq = 1; seq <= 3; seq++) server.log.push(logged(seq));
  const cursors: (number | null)[] = [];
  for await (const event of make()) {
    cursors.push(consumer.cursor);
    if (event.seq === 3) break;
  }
  expect([cursors, consumer.cursor]).toEqual([[0, 1, 2], 2]);
});

test('events come in order of the stream, also to several who ask at once', async () => {
  const iterator = make()[Symbol.asyncIterator]();
  const asked = Array.from({ length: 5 }, () => iterator.next());
  await server.connection(1);
  for (let seq = 1; seq <= 5; seq++) server.append(logged(seq));
  expect((await Promise.all(asked)).map((result) => result.value?.seq)).toEqual([1, 2, 3, 4, 5]);
});

test('who never acknowledges comes to a stop at the memory bound, and goes on when acknowledging', async () => {
  for (let seq = 1; seq <= 400; seq++) server.log.push(logged(seq));
  const iterator = make({ cursorStore: memoryCursor(), maxBufferedBytes: 20_000 })[Symbol.asyncIterator]();
  const open: ConsumerEvent[] = [];
  const take = async (): Promise<void> => {
    const { value } = await iterator.next();
    if (value) open.push(value);
  };
  await take();
  await eventually('paused', () => consumer.stats()?.isPaused);
  const held = consumer.stats()?.openEvents as number;
  expect(held).toBeLessThan(30);
  while (open.length < held) await take();
  const next = take();
  expect(consumer.stats()).toMatchObject({ isPaused: true, openEvents: held });
  for (const event of open.splice(0)) event.ack();
  await next;
  expect(open[0]?.seq).toBe(held + 1);
});

test('the loop ends when the consumer is closed, and throws what ended it', async () => {
  const seqs: number[] = [];
  server.log.push(logged(1));
  for await (const event of make()) {
    seqs.push(event.seq);
    void consumer.close();
  }
  expect(seqs).toEqual([1]);
  server.behaviour = (connection) => connection.send(encodeEvent({ kind: 'info', name: 'OutdatedCursor', message: null }));
  const iterator = make({ onOutdatedCursor: 'fail' })[Symbol.asyncIterator]();
  await expect(iterator.next()).rejects.toMatchObject({ code: 'OutdatedCursor' });
  await expect(iterator.next()).rejects.toMatchObject({ code: 'OutdatedCursor' });
});

test('a loop over a consumer that was closed, or cannot load its cursor, ends or throws at once', async () => {
  await make().close();
  for await (const event of consumer) expect(event).toBeUndefined();
  const iterator = make({ cursorStore: { load: () => Promise.reject(new Error('no disk')), save: () => Promise.resolve() } })[Symbol.asyncIterator]();
  await expect(iterator.next()).rejects.toMatchObject({ code: 'CursorStore' });
});
