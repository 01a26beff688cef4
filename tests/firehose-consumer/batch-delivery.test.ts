/** Batches over a real socket: what is in one, which cursor goes with it, and when an empty one comes. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { FirehoseConsumer, memoryCursor } from '../../firehose-consumer/src/index.ts';
import type { ConsumerOptions, CursorStore, EventBatch } from '../../firehose-consumer/src/index.ts';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import { FakeFirehose } from '../harness/fake-firehose.ts';
import { eventually } from '../harness/wait.ts';
import { MadeAccount, MadeResolver, unprovenCreate } from './made-stream.ts';

let server: FakeFirehose;
let consumer: FirehoseConsumer;
let batches: { seqs: number[]; cursor: number | null }[];
beforeEach(async () => {
  server = await FakeFirehose.start();
  batches = [];
});
afterEach(async () => {
  await consumer.close();
  await server.close();
});

const kept = ({ events, cursor }: EventBatch): void => void batches.push({ seqs: events.map((event) => event.seq), cursor });
const logged = (seq: number, did = 'did:web:a.test', path = 'app.test.record/a'): { seq: number; bytes: Uint8Array } => ({ seq, bytes: unprovenCreate(seq, did, path) });

function make(options: Partial<ConsumerOptions> = {}): FirehoseConsumer {
  consumer = new FirehoseConsumer({ service: server.url, cursor: 0, ...options });
  return consumer;
}

test('a batch holds what is ready, in order of the stream, with the cursor right after it', async () => {
  for (let seq = 1; seq <= 1_200; seq++) server.log.push(logged(seq, `did:web:${seq % 7}.test`));
  const ended = make().runBatches(kept);
  await eventually('all events', () => batches.at(-1)?.cursor === 1_200);
  expect(batches.flatMap((batch) => batch.seqs)).toEqual(server.log.map((frame) => frame.seq));
  for (const batch of batches) expect([batch.cursor, batch.seqs.length <= 500]).toEqual([batch.seqs.at(-1), true]);
  expect(batches.length).toBeLessThan(200);
  await consumer.close();
  await ended;
});

test('the cursor of a batch covers what was filtered out behind its last event, and nothing behind an open one', async () => {
  server.log.push(logged(1), logged(2, 'did:web:a.test', 'app.test.other/a'), logged(3), logged(4, 'did:web:a.test', 'app.test.other/b'));
  void make({ collections: ['app.test.record'] }).runBatches(kept, { maxEvents: 1 });
  await eventually('two batches', () => batches.length === 2);
  expect(batches).toEqual([{ seqs: [1], cursor: 2 }, { seqs: [3], cursor: 4 }]);
});

test('a commit is never split over two batches', async () => {
  const account = new MadeAccount('a');
  const writes = Array.from({ length: 5 }, (_, index) => ({ path: `app.test.record/r${index}`, record: { index } }));
  server.log.push({ seq: 1, bytes: encodeEvent(account.commit(1, ...writes)) }, { seq: 2, bytes: account.create(2, 'app.test.record/last') });
  void make().runBatches(kept, { maxEvents: 3 });
  await eventually('two batches', () => batches.length === 2);
  expect(batches).toEqual([{ seqs: [1, 1, 1, 1, 1], cursor: 1 }, { seqs: [2], cursor: 2 }]);
});

test('one batch is under way at a time, and what comes meanwhile is the next', async () => {
  server.log.push(logged(1));
  const waits: (() => void)[] = [];
  void make().runBatches((batch) => {
    kept(batch);
    return new Promise((resolve) => waits.push(resolve));
  });
  await eventually('the first', () => waits.length === 1);
  server.append(logged(2), logged(3));
  await eventually('taken in', () => consumer.stats()?.lastSeq === 3);
  expect(waits).toHaveLength(1);
  waits[0]?.();
  await eventually('the second', () => waits.length === 2);
  expect(batches).toEqual([{ seqs: [1], cursor: 1 }, { seqs: [2, 3], cursor: 3 }]);
  waits[1]?.();
});

test('an empty batch brings the cursor forward when nothing is wanted for a while, and only when it moved', async () => {
  const clock = new ManualClock();
  void make({ clock, collections: ['app.test.record'] }).runBatches(kept, { quietMs: 1_000 });
  const connection = await server.connection(1);
  await eventually('open', () => consumer.stats()?.state === 'open');
  connection.send(logged(1, 'did:web:a.test', 'app.test.other/a').bytes);
  await eventually('passed by', () => consumer.cursor === 1);
  clock.advance(999);
  expect(batches).toEqual([]);
  clock.advance(1);
  expect(batches).toEqual([{ seqs: [], cursor: 1 }]);
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(10_000);
  expect(batches).toHaveLength(1);
});

test('batches keep the order of the stream though accounts are verified side by side', async () => {
  const accounts = ['a', 'b', 'c', 'd'].map((name) => new MadeAccount(name));
  const identity = new MadeResolver(...accounts);
  identity.before = async (did) => {
    for (let turn = 0; turn < (did.charCodeAt(8) * 7) % 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  for (let seq = 1; seq <= 40; seq++) server.log.push({ seq, bytes: (accounts[(seq * 5) % 4] as MadeAccount).create(seq, `app.test.record/r${seq}`) });
  void make({ identity, verify: 'full' }).runBatches(kept);
  await eventually('all events', () => batches.at(-1)?.cursor === 40);
  expect(batches.flatMap((batch) => batch.seqs)).toEqual(server.log.map((frame) => frame.seq));
});

test('the store is loaded and never saved; a handler that fails ends the run', async () => {
  const saved: number[] = [];
  const store: CursorStore = { load: () => memoryCursor(1).load(), save: async (cursor) => void saved.push(cursor) };
  server.log.push(logged(1), logged(2));
  const ended = make({ cursorStore: store, saveIntervalMs: 1 }).runBatches((batch) => {
    kept(batch);
    throw new Error('rolled back');
  });
  await expect(ended).rejects.toMatchObject({ code: 'HandlerFailed', cause: new Error('rolled back') });
  expect([batches, saved, consumer.cursor]).toEqual([[{ seqs: [2], cursor: 2 }], [], 1]);
});
