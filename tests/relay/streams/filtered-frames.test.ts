/** subscribeRepos with filters and dates on real sockets; without them it is the plain stream with its own rules. */
import { expect, test } from '@jest/globals';
import { decodeEvent } from '@dunlin/protocol/stream/event-codec';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { eventually } from '../../harness/wait.ts';
import { firstSeq, MemoryLog, makeFrame, type Made } from './memory-log.ts';
import { connect, startStreams, type Client } from './small-server.ts';

const path = '/xrpc/com.atproto.sync.subscribeRepos';
const [alice, bob] = ['did:plc:aaaa', 'did:plc:bbbb'];
const commit = (did: string, ...collections: string[]): Made => ({ kind: 'commit', did, ops: collections.map((collection, index) => ({ action: 'create', collection, rkey: `r${index}`, text: 'x' })) });
const post = 'app.bsky.feed.post', like = 'app.bsky.feed.like';
const events: Made[] = [commit(alice, post), commit(bob, like, post), commit(alice, like), { kind: 'sync', did: alice }, { kind: 'identity', did: bob, handle: null }, { kind: 'account', did: alice, active: true, status: null }];

const startMs = Date.UTC(2026, 10, 24, 10);
function fill(log: MemoryLog): void {
  log.append(events.map((made, index) => ({ made, timeMs: startMs + index * 1_000 })));
}

const seqs = (client: Client): (number | string)[] => client.messages.map((message) => {
  const event = decodeEvent(message as Buffer);
  if (event.kind === 'info') return event.name;
  if (event.kind === 'error') return event.error;
  return event.kind === 'unknown' ? event.t : event.seq - firstSeq;
});

test.each([
  ['collections=app.bsky.feed.post', [0, 1, 3, 4, 5]],
  ['collections=app.bsky.feed.*', [0, 1, 2, 3, 4, 5]],
  ['collections=app.bsky.graph.*&kinds=commit', []],
  [`dids=${bob}`, [1, 4]],
  [`dids=${alice}&dids=${bob}&kinds=sync&kinds=account`, [3, 5]],
  [`dids=${alice}&collections=${like}&kinds=commit`, [2]],
])('%s lets through the frames it names, unchanged', async (query, expected) => {
  const log = new MemoryLog();
  fill(log);
  const server = await startStreams(log);
  const client = await connect(server, `${path}?cursor=0&${query}`);
  await eventually('it is live', () => server.streams.consumers()[0]?.cursor === log.headSeq());
  fill(log);
  await eventually('it is live again', () => server.streams.consumers()[0]?.cursor === log.headSeq() && client.messages.length === expected.length * 2);
  expect(seqs(client)).toEqual([...expected, ...expected.map((index) => index + events.length)]);
  for (const [index, at] of expected.entries()) {
    const made = events[at];
    const frame = made === undefined ? Buffer.alloc(0) : makeFrame(made, firstSeq + at);
    expect(frame.subarray(-(client.messages[index] as Buffer).length).equals(client.messages[index] as Buffer)).toBe(true);
  }
});

test('without a filter it is the plain stream, from a cursor or a date', async () => {
  const log = new MemoryLog();
  fill(log);
  const clock = new ManualClock(startMs + 60_000);
  const server = await startStreams(log, { clock });
  const clients = await Promise.all(['', '?cursor=0', `?cursor=${firstSeq + 3}`, '?since=2026-11-24T10:00:02Z', '?since=2026-11-24T10:00:02.001Z', '?since=2026-11-24T11:00:02%2B01:00', '?since=2026-11-24T10:01:00Z', '?since=2026-11-25T00:00:00Z'].map((query) => connect(server, path + query)));
  await eventually('all are attached', () => server.outbox.consumers().length === clients.length);
  log.append([{ made: commit(bob, like), timeMs: startMs + 50_000 }]);
  await Promise.all(clients.map((client) => eventually('the live one', () => seqs(client).at(-1) === events.length)));
  expect(clients.map((client) => seqs(client).join(' '))).toEqual(['6', '0 1 2 3 4 5 6', '4 5 6', '2 3 4 5 6', '3 4 5 6', '2 3 4 5 6', '6', '6']);
  expect(server.streams.consumers()).toEqual([]);
});

test.each(['', '&kinds=commit&kinds=sync&kinds=identity&kinds=account'])('a cursor of the future ends with FutureCursor, one in front of the window begins with OutdatedCursor%s', async (filter) => {
  const log = new MemoryLog();
  fill(log);
  log.trim(firstSeq + 4);
  const server = await startStreams(log, { clock: new ManualClock(startMs + 60_000) });
  const future = await connect(server, `${path}?cursor=${firstSeq + 6}${filter}`);
  expect(await future.closed).toEqual({ code: 1008, reason: 'FutureCursor' });
  expect(seqs(future)).toEqual(['FutureCursor']);
  const clients = await Promise.all([`?cursor=${firstSeq + 5}`, `?cursor=${firstSeq + 3}`, `?cursor=${firstSeq + 2}`, '?cursor=0', '?since=2026-11-24T10:00:03.999Z', '?since=2026-11-24T10:00:04Z', '?since=1999-11-24T10:00:04Z'].map((query) => connect(server, path + query + filter)));
  await eventually('all are attached', () => server.outbox.consumers().length + server.streams.consumers().length === clients.length);
  log.append([{ made: commit(bob, like), timeMs: startMs + 50_000 }]);
  await Promise.all(clients.map((client) => eventually('the live one', () => seqs(client).at(-1) === events.length)));
  expect(clients.map((client) => seqs(client).join(' '))).toEqual(['6', '4 5 6', 'OutdatedCursor 4 5 6', '4 5 6', 'OutdatedCursor 4 5 6', '4 5 6', 'OutdatedCursor 4 5 6']);
});

test.each(['cursor=x', 'cursor=-1', 'since=yesterday', 'since=2026-11-24', 'since=2026-11-24T10:00:00Z&cursor=5', 'kinds=posts', 'dids=bob', 'collections=a*'])('%s is refused before the upgrade', async (query) => {
  const server = await startStreams(new MemoryLog());
  await expect(connect(server, `${path}?${query}`)).rejects.toThrow(/^400 .*"error":"InvalidRequest"/);
});

test('a plain request is told to upgrade', async () => {
  const server = await startStreams(new MemoryLog());
  expect((await fetch(server.url + path)).status).toBe(426);
});
