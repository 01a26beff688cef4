/** /events on real sockets, read by a plain parser and by the EventSource of npm. */
import { expect, test } from '@jest/globals';
import { EventSource } from 'eventsource';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { keepAliveMs, retryMs } from '@dunlin/relay/streams/event-source';
import { eventually } from '../../harness/wait.ts';
import { firstSeq, MemoryLog, type Made } from './memory-log.ts';
import { startStreams, type SmallServer } from './small-server.ts';

const did = 'did:plc:aaaa';
const collection = 'app.bsky.feed.post';
const post = (...texts: string[]): Made => ({ kind: 'commit', did, ops: texts.map((text, index) => ({ action: 'create', collection: text.startsWith('like') ? 'app.bsky.feed.like' : collection, rkey: `r${index}`, text })) });

let lastMs = Date.UTC(2026, 0, 1);
function append(log: MemoryLog, ...events: Made[]): void {
  log.append(events.map((made) => ({ made, timeMs: (lastMs += 10) })));
}

/** Reads a stream of events as text, in the background. */
class Reader {
  text = '';
  readonly response: Response;
  readonly ended: Promise<void>;
  readonly #stop = new AbortController();

  constructor(response: Response) {
    this.response = response;
    this.ended = this.#read();
  }

  static async open(server: SmallServer, query = '', headers: Record<string, string> = {}): Promise<Reader> {
    return new Reader(await fetch(`${server.url}/events${query}`, { headers }));
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.response.body ?? []) {
      this.text += decoder.decode(chunk as Uint8Array, { stream: true });
      if (this.#stop.signal.aborted) return;
    }
  }

  /** Blocks between empty lines. */
  get blocks(): string[] {
    return this.text.split('\n\n').slice(0, -1);
  }

  get data(): { text: string | undefined; id: number | null }[] {
    return this.blocks.filter((block) => block.includes('data: ') && !block.includes('event: ')).map((block) => {
      const json = JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? '') as { commit?: { record?: { text: string } } };
      return { text: json.commit?.record?.text, id: Number(/^id: (\d+)$/m.exec(block)?.[1] ?? Number.NaN) || null };
    });
  }
}

const texts = (reader: Reader): string => reader.data.map(({ text }) => text).join(' ');

test('events come as lines of JSON with our seq as id, behind a retry time of its own for everyone', async () => {
  const log = new MemoryLog();
  const randoms = [0, 0.999];
  const server = await startStreams(log, { random: () => randoms.shift() ?? 0.5 });
  const [one, two] = [await Reader.open(server), await Reader.open(server)];
  expect(one.response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  expect(one.response.headers.get('cache-control')).toContain('no-store');
  expect(one.response.headers.get('access-control-allow-origin')).toBe('*');
  append(log, post('a'), post('b\n\nc'));
  await eventually('both have both', () => one.data.length === 2 && two.data.length === 2);
  expect([one.blocks[0], two.blocks[0]]).toEqual([`retry: ${retryMs.min}`, `retry: ${Math.floor(retryMs.min + 0.999 * (retryMs.max - retryMs.min))}`]);
  expect(one.data).toEqual([{ text: 'a', id: firstSeq }, { text: 'b\n\nc', id: firstSeq + 1 }]);
});

test('the id stands on the last wanted event of a commit, so half a commit is sent again', async () => {
  const log = new MemoryLog();
  const server = await startStreams(log);
  const [all, posts] = [await Reader.open(server), await Reader.open(server, `?wantedCollections=${collection}`)];
  append(log, post('one', 'two', 'like'), post('three'));
  await eventually('all have theirs', () => all.data.length === 4 && posts.data.length === 3);
  expect(all.data).toEqual([{ text: 'one', id: null }, { text: 'two', id: null }, { text: 'like', id: firstSeq }, { text: 'three', id: firstSeq + 1 }]);
  expect(posts.data).toEqual([{ text: 'one', id: null }, { text: 'two', id: firstSeq }, { text: 'three', id: firstSeq + 1 }]);
});

test('Last-Event-ID goes before since, since is a seq and exclusive, cursor is a time and inclusive', async () => {
  const log = new MemoryLog();
  append(log, post('1'), post('2'), post('3'));
  const times = log.events.map(({ timeMs }) => timeMs);
  const server = await startStreams(log);
  const readers = await Promise.all([
    Reader.open(server, `?since=${firstSeq}`, { 'last-event-id': String(firstSeq + 1) }),
    Reader.open(server, `?cursor=${(times[0] ?? 0) * 1_000}`, { 'last-event-id': String(firstSeq + 1) }),
    Reader.open(server, `?since=${firstSeq}`),
    Reader.open(server, '?since=0'),
    Reader.open(server, `?cursor=${(times[1] ?? 0) * 1_000}`),
    Reader.open(server),
  ]);
  append(log, post('live'));
  await Promise.all(readers.map((reader) => eventually('the live one', () => texts(reader).endsWith('live'))));
  expect(readers.map(texts)).toEqual(['3 live', '3 live', '2 3 live', '1 2 3 live', '2 3 live', 'live']);
});

test('an id from in front of the window is told so, one at its edge is not; a future one is refused', async () => {
  const log = new MemoryLog();
  append(log, post('1'), post('2'), post('3'));
  log.trim(firstSeq + 1);
  const server = await startStreams(log);
  const [before, edge] = [await Reader.open(server, `?since=${firstSeq - 1}`), await Reader.open(server, `?since=${firstSeq}`)];
  await eventually('both have what is left', () => texts(before) === '2 3' && texts(edge) === '2 3');
  expect(before.blocks[1]).toContain('event: info\ndata: {"name":"OutdatedCursor"');
  expect(edge.text).not.toContain('OutdatedCursor');
  expect((await fetch(`${server.url}/events?since=${firstSeq + 2}`, { method: 'HEAD' })).status).toBe(200);
  const future = await fetch(`${server.url}/events`, { headers: { 'last-event-id': String(firstSeq + 3) } });
  expect([future.status, ((await future.json()) as { error: string }).error]).toEqual([400, 'FutureCursor']);
});

test.each(['since=x', 'since=-1', 'cursor=-1', 'since=1&cursor=1', 'wantedDids=bob', 'wantedCollections=a*'])('a bad query is refused: %s', async (query) => {
  const server = await startStreams(new MemoryLog());
  expect((await fetch(`${server.url}/events?${query}`)).status).toBe(400);
});

test('a quiet stream gets a comment and the id it has come to; one that was busy does not', async () => {
  const log = new MemoryLog();
  const clock = new ManualClock();
  const server = await startStreams(log, { clock });
  const [quiet, busy] = [await Reader.open(server, '?wantedCollections=no.such.thing'), await Reader.open(server)];
  append(log, post('1'));
  await eventually('the busy one has it', () => busy.data.length === 1);
  clock.advance(keepAliveMs - 1);
  expect(quiet.text).not.toContain('keep-alive');
  clock.advance(1);
  await eventually('the quiet one hears something', () => quiet.text.endsWith(`id: ${firstSeq}\n: keep-alive\n\n`));
  expect(busy.text).not.toContain('keep-alive');
  clock.advance(keepAliveMs);
  await eventually('so does the other by now', () => busy.text.endsWith(`id: ${firstSeq}\n: keep-alive\n\n`));
});

test('too many streams from one address are refused, and a stream that ends makes room', async () => {
  const server = await startStreams(new MemoryLog(), { maxAnswersPerAddress: 2 });
  const stop = new AbortController();
  await fetch(`${server.url}/events`, { signal: stop.signal });
  await Reader.open(server);
  expect((await fetch(`${server.url}/events`)).status).toBe(429);
  stop.abort();
  await eventually('there is room', async () => (await fetch(`${server.url}/events`, { method: 'HEAD' })).status === 200 && server.streams.consumers().length === 1);
});

test('closing ends every stream', async () => {
  const server = await startStreams(new MemoryLog());
  const reader = await Reader.open(server);
  await eventually('it is attached', () => server.streams.consumers().length === 1);
  await Promise.all([server.close(), reader.ended]);
});

test('EventSource comes back by itself after a restart and misses nothing', async () => {
  const log = new MemoryLog();
  // A random number of that kind makes the retry time 40 ms.
  const random = (): number => -0.24;
  const server = await startStreams(log, { random });
  const source = new EventSource(`${server.url}/events`);
  const seen: { text: string; id: string }[] = [];
  source.addEventListener('message', ({ data, lastEventId }) => void seen.push({ text: (JSON.parse(data) as { commit: { record: { text: string } } }).commit.record.text, id: lastEventId }));
  try {
    await eventually('it is attached', () => server.streams.consumers().length === 1);
    append(log, post('1'), post('2'));
    await eventually('it has two', () => seen.length === 2);
    await server.close();
    append(log, post('3'));
    const again = await startStreams(log, { random }, Number(new URL(server.url).port));
    await eventually('it has what came meanwhile', () => seen.length === 3);
    expect(again.streams.consumers().length).toBe(1);
  } finally {
    source.close();
  }
  expect(seen).toEqual(['1', '2', '3'].map((text, index) => ({ text, id: String(firstSeq + index) })));
});
