/** /poll on real sockets: what is there at once, waiting for what comes, and a cursor that always goes on. */
import { expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { eventLimit, waitSeconds } from '@dunlin/relay/streams/poll';
import { eventually } from '../../harness/wait.ts';
import { firstSeq, MemoryLog, type Made } from './memory-log.ts';
import { startStreams, type SmallServer } from './small-server.ts';

const did = 'did:plc:aaaa';
const post = (text: string, count = 1): Made => ({ kind: 'commit', did, ops: Array.from({ length: count }, (_, index) => ({ action: 'create', collection: 'app.bsky.feed.post', rkey: `r${index}`, text })) });

let lastMs = Date.UTC(2026, 0, 1);
function append(log: MemoryLog, ...events: Made[]): void {
  log.append(events.map((made) => ({ made, timeMs: (lastMs += 10) })));
}

interface Answer {
  cursor: number;
  outdated?: boolean;
  events: { commit?: { record?: { text: string } }; kind: string }[];
}

async function poll(server: SmallServer, query: string): Promise<Answer> {
  const response = await fetch(`${server.url}/poll?${query}`);
  expect([response.status, response.headers.get('content-type'), response.headers.get('cache-control')]).toEqual([200, 'application/json; charset=utf-8', 'no-store']);
  return (await response.json()) as Answer;
}

const texts = ({ events }: Answer): string => events.map(({ commit }) => commit?.record?.text).join(' ');

test('answers at once with what is behind since, and its cursor is the next since', async () => {
  const log = new MemoryLog();
  append(log, post('1'), post('2'), { kind: 'sync', did }, post('3'));
  const server = await startStreams(log);
  const first = await poll(server, 'since=0&limit=2');
  expect([texts(first), first.cursor, first.outdated]).toEqual(['1 2', firstSeq + 1, undefined]);
  const second = await poll(server, `since=${first.cursor}`);
  expect([texts(second), second.cursor]).toEqual(['3', firstSeq + 3]);
  const third = await poll(server, `since=${second.cursor}&wait=0`);
  expect(third).toEqual({ cursor: firstSeq + 3, events: [] });
  expect(await poll(server, 'wait=0')).toEqual({ cursor: firstSeq + 3, events: [] });
});

test('a limit does not tear a commit apart', async () => {
  const log = new MemoryLog();
  append(log, post('a'), post('b', 5), post('c'));
  const server = await startStreams(log);
  expect(texts(await poll(server, 'since=0&limit=1'))).toBe('a');
  expect(texts(await poll(server, 'since=0&limit=2'))).toBe('a b b b b b');
});

test('waits for the first wanted event', async () => {
  const log = new MemoryLog();
  const server = await startStreams(log);
  const answers = [poll(server, 'wantedCollections=app.bsky.feed.post'), poll(server, `since=0&wantedDids=${did}&limit=1`)];
  await eventually('both wait', () => server.streams.consumers().length === 2);
  append(log, { kind: 'commit', did: 'did:plc:bbbb', ops: [{ action: 'delete', collection: 'app.bsky.feed.like', rkey: 'x', text: '' }] });
  append(log, post('yes'), post('more'));
  const [one, two] = await Promise.all(answers);
  expect([one && texts(one).startsWith('yes'), two && texts(two)]).toEqual([true, 'yes']);
  await eventually('both are gone', () => server.streams.consumers().length === 0);
});

test('goes without events when the wait is over, having looked through what it did not want', async () => {
  const log = new MemoryLog();
  const clock = new ManualClock(Date.UTC(2026, 0, 2));
  append(log, post('1'), post('2'));
  const server = await startStreams(log, { clock });
  const [asked, usual] = [poll(server, 'since=0&wait=3&wantedDids=did:plc:bbbb'), poll(server, 'since=0&wantedDids=did:plc:bbbb')];
  await eventually('both wait at the head', () => server.streams.consumers().length === 2 && server.streams.consumers().every(({ cursor }) => cursor === firstSeq + 1));
  clock.advance(3_000);
  expect(await asked).toEqual({ cursor: firstSeq + 1, events: [] });
  clock.advance(waitSeconds.default * 1_000 - 3_001);
  expect(server.streams.consumers().length).toBe(1);
  clock.advance(1);
  expect(await usual).toEqual({ cursor: firstSeq + 1, events: [] });
});

test('since in front of the window begins with the oldest and says so', async () => {
  const log = new MemoryLog();
  append(log, post('1'), post('2'), post('3'));
  log.trim(firstSeq + 1);
  const server = await startStreams(log);
  expect(await poll(server, `since=${firstSeq - 1}`)).toMatchObject({ outdated: true, cursor: firstSeq + 2 });
  expect((await poll(server, `since=${firstSeq}`)).outdated).toBeUndefined();
  expect((await poll(server, 'since=0')).outdated).toBeUndefined();
});

test.each([
  [`limit=${eventLimit.max}`, 200], [`limit=${eventLimit.max + 1}`, 400], ['limit=1', 200], ['limit=0', 400], ['limit=x', 400],
  [`wait=${waitSeconds.max}`, 200], [`wait=${waitSeconds.max + 1}`, 400], ['wait=-1', 400], ['since=-1', 400], ['since=x', 400],
  [`since=${firstSeq}`, 200], [`since=${firstSeq + 1}`, 400], ['wantedDids=bob', 400],
])('%s answers %i', async (query, status) => {
  const log = new MemoryLog();
  append(log, post('1'));
  const server = await startStreams(log);
  expect((await fetch(`${server.url}/poll?${query}`, { method: 'HEAD' })).status).toBe(status);
});

test('a client that goes away leaves nothing behind, and closing answers those who wait', async () => {
  const server = await startStreams(new MemoryLog(), { maxAnswersPerAddress: 1 });
  const stop = new AbortController();
  const gone = fetch(`${server.url}/poll`, { signal: stop.signal });
  await eventually('it waits', () => server.streams.consumers().length === 1);
  expect((await fetch(`${server.url}/poll`)).status).toBe(429);
  stop.abort();
  await expect(gone).rejects.toThrow(/abort/);
  await eventually('it is gone', () => server.streams.consumers().length === 0);
  const waiting = fetch(`${server.url}/poll`);
  await eventually('another waits', () => server.streams.consumers().length === 1);
  const [response] = await Promise.all([waiting, server.close()]);
  expect(response.status).toBe(503);
});
