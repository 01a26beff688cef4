/** The stream on a terminal: one JSON line an event, filters, rates, faults in words, a slow reader. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import { encodeErrorFrame } from '@dunlin/protocol/stream/frame';
import { runFirehose } from '../../cli/src/firehose.ts';
import type { FirehoseOptions, FirehoseOutput } from '../../cli/src/firehose.ts';
import { FakeFirehose } from '../harness/fake-firehose.ts';
import { eventually } from '../harness/wait.ts';
import { MadeAccount, madeTime } from '../firehose-consumer/made-stream.ts';

let server: FakeFirehose;
let stop: AbortController;
let lines: Record<string, unknown>[];
let notes: string[];
let running: Promise<void>;
beforeEach(async () => {
  server = await FakeFirehose.start();
  [stop, lines, notes] = [new AbortController(), [], []];
});
afterEach(async () => {
  stop.abort();
  await running;
  await server.close();
  process.exitCode = undefined;
});

function start(options: Partial<FirehoseOptions> = {}, output: Partial<FirehoseOutput> = {}): void {
  running = runFirehose(server.url, { cursor: 0, collection: [], did: [], plc: 'http://127.0.0.1:1', ...options }, {
    line: (text) => lines.push(JSON.parse(text) as Record<string, unknown>) > 0,
    drained: () => Promise.resolve(),
    note: (text) => notes.push(text),
    signal: stop.signal,
    ...output,
  });
}

const account = (): MadeAccount => new MadeAccount('alice');

test('prints each kind of event as one JSON line, in order of the stream', async () => {
  const alice = account();
  const commit = alice.commit(1, { path: 'app.bsky.feed.post/a', record: { text: 'hi', bytes: new Uint8Array([1]) } });
  const base = { did: alice.did, time: madeTime };
  server.log.push(
    { seq: 1, bytes: encodeEvent(commit) },
    { seq: 2, bytes: encodeEvent(alice.commit(2, { path: 'app.bsky.feed.post/a', record: null })) },
    { seq: 3, bytes: encodeEvent({ kind: 'identity', seq: 3, ...base, handle: 'alice.test' }) },
    { seq: 4, bytes: encodeEvent({ kind: 'account', seq: 4, ...base, active: false, status: 'deleted' }) },
    { seq: 5, bytes: alice.sync(5) },
  );
  start();
  await eventually('five lines', () => lines.length === 5);
  const uri = `at://${alice.did}/app.bsky.feed.post/a`;
  expect(lines).toMatchObject([
    { seq: 1, kind: 'record', ...base, rev: commit.rev, action: 'create', uri, cid: String(commit.ops[0]?.cid), record: { text: 'hi', bytes: { $bytes: 'AQ' } } },
    { seq: 2, kind: 'record', action: 'delete', uri },
    { seq: 3, kind: 'identity', handle: 'alice.test' },
    { seq: 4, kind: 'account', active: false, status: 'deleted' },
    { seq: 5, kind: 'sync' },
  ]);
});

test('prints only records of the collections and accounts asked for', async () => {
  const [alice, bob] = [account(), new MadeAccount('bob')];
  const paths = ['app.bsky.feed.post/a', 'app.bsky.feed.like/a', 'app.dunlin.live.room/a', 'com.example.thing/a'];
  for (const [index, path] of paths.entries()) server.log.push({ seq: index + 2, bytes: alice.create(index + 2, path) }, { seq: index + 101, bytes: bob.create(index + 101, path) });
  server.log.push({ seq: 1, bytes: encodeEvent({ kind: 'account', seq: 1, did: alice.did, active: true, status: null, time: madeTime }) });
  server.log.sort((a, b) => a.seq - b.seq);
  start({ collection: ['app.bsky.feed.like', 'app.dunlin.*'], did: [alice.did] });
  await eventually('two lines', () => lines.length === 2);
  expect(lines.map((line) => line['seq'])).toEqual([3, 4]);
});

test('waits for a reader that is slow', async () => {
  const alice = account();
  for (let seq = 1; seq <= 3; seq++) server.log.push({ seq, bytes: alice.create(seq, `app.bsky.feed.post/r${seq}`) });
  const gate = Promise.withResolvers<void>();
  start({}, { line: (text) => (lines.push(JSON.parse(text) as Record<string, unknown>), false), drained: () => gate.promise });
  await eventually('the first line', () => lines.length === 1);
  await new Promise((resolve) => setImmediate(resolve));
  expect(lines).toHaveLength(1);
  gate.resolve();
  await eventually('the rest', () => lines.length === 3);
});

test('prints rates in place of events when asked for', async () => {
  const clock = new ManualClock();
  server.log.push({ seq: 1, bytes: account().create(1, 'app.bsky.feed.post/a') }, { seq: 2, bytes: new Uint8Array([0xff]) });
  start({ stats: true }, { clock });
  await eventually('a drop', () => notes.length === 1);
  clock.advance(1_000);
  expect(lines).toMatchObject([{ framesPerSecond: 2, eventsPerSecond: 1, droppedPerSecond: 1, state: 'open', seq: 1 }]);
  clock.advance(1_000);
  expect(lines[1]).toMatchObject({ framesPerSecond: 0, eventsPerSecond: 0, seq: 1 });
  expect(notes).toEqual([expect.stringContaining('dropped: badFrame')]);
});

test('verifies when asked to, and says what it left out', async () => {
  server.log.push({ seq: 1, bytes: account().create(1, 'app.bsky.feed.post/a') });
  const clock = new ManualClock(Date.parse(madeTime));
  start({ verify: true }, { clock });
  await eventually('connected', () => server.connections.length === 1);
  await eventually('given up', async () => {
    clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
    return notes.some((note) => note.startsWith('dropped: unresolvable seq=1 did=did:web:alice.test'));
  });
  expect(lines).toEqual([]);
});

test('says in words what goes wrong, and ends with code 1 when it cannot go on', async () => {
  server.behaviour = (connection) => {
    connection.send(encodeEvent({ kind: 'info', name: 'OutdatedCursor', message: null }));
    connection.send(encodeErrorFrame('FutureCursor'));
  };
  start({ cursor: 99 });
  await running;
  expect(notes).toEqual(['events after the cursor are gone at the server, going on from its oldest: cursor=99', 'dunlin firehose: the server has never reached our cursor: cursor=99']);
  expect(process.exitCode).toBe(1);
});

test('an address or collection that cannot be is one line, not a stack', async () => {
  start({ collection: ['*'] });
  await running;
  expect(notes).toEqual(['dunlin firehose: not a collection or prefix.*: *']);
  expect(process.exitCode).toBe(1);
});
