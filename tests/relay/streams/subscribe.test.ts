/** /subscribe on real sockets: events, filters, cursors, options_update, requireHello and compression, as Jetstream has them. */
import { randomBytes } from 'node:crypto';
import { zstdDecompressSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { readDictionary } from '@dunlin/relay/streams/dictionary';
import { maxDids } from '@dunlin/relay/streams/filter';
import { maxClientMessageBytes } from '@dunlin/relay/streams/subscribe';
import { eventually } from '../../harness/wait.ts';
import { expectedJson, firstSeq, MemoryLog, type Made } from './memory-log.ts';
import { connect, startStreams, withoutTime, type Client } from './small-server.ts';

const did = 'did:plc:aaaa';
const post = (text: string, collection = 'app.bsky.feed.post', of = did): Made => ({ kind: 'commit', did: of, ops: [{ action: 'create', collection, rkey: '3kaaa', text }] });
const identity: Made = { kind: 'identity', did: 'did:plc:bbbb', handle: 'b.test' };

let lastMs = Date.UTC(2026, 0, 1);
function append(log: MemoryLog, ...events: Made[]): number[] {
  const times = events.map(() => (lastMs += 10));
  log.append(events.map((made, index) => ({ made, timeMs: times[index] ?? 0 })));
  return times;
}

const texts = (client: Client): unknown[] => client.json.map(({ commit, kind }) => (commit as { record?: { text: string } } | undefined)?.record?.text ?? kind);
const got = (client: Client, count: number): Promise<unknown> => eventually(`${count} messages`, () => client.messages.length >= count);

test('events have the shape of Jetstream, one an operation, with times that go up', async () => {
  const log = new MemoryLog();
  const server = await startStreams(log);
  const client = await connect(server, '/subscribe');
  const made: Made[] = [
    { kind: 'commit', did, ops: [{ action: 'create', collection: 'app.bsky.feed.post', rkey: '3kaaa', text: 'ü "quoted"\n' }, { action: 'delete', collection: 'app.bsky.feed.like', rkey: '3kbbb', text: '' }, { action: 'update', collection: 'app.bsky.actor.profile', rkey: 'self', text: 'me' }] },
    { kind: 'sync', did },
    identity,
    { kind: 'identity', did, handle: null },
    { kind: 'account', did, active: false, status: 'takendown' },
    { kind: 'account', did, active: true, status: null },
  ];
  append(log, ...made);
  await got(client, 7);
  const timeless = client.json.map(withoutTime);
  expect(timeless).toEqual(made.flatMap((event, index) => expectedJson(event, firstSeq + index)));
  const times = client.json.map(({ time_us: timeUs }) => Number(timeUs));
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(new Set(times).size).toBe(times.length);
  expect(Object.keys(client.json[0] ?? {})).toEqual(['did', 'time_us', 'kind', 'commit']);
});

test('collections filter commits by name and by prefix; accounts and identities pass, other accounts do not', async () => {
  const log = new MemoryLog();
  const server = await startStreams(log);
  const clients = await Promise.all([
    '/subscribe?wantedCollections=app.bsky.feed.post',
    '/subscribe?wantedCollections=app.bsky.*&wantedCollections=app.dunlin.live.message',
    '/subscribe?wantedDids=did:plc:bbbb&wantedDids=did:plc:cccc',
    '/subscribe?wantedDids=did:plc:cccc&wantedCollections=app.bsky.feed.like',
    '/subscribe?maxMessageSizeBytes=400',
  ].map((path) => connect(server, path)));
  append(log, post('a'), post('b', 'app.bsky.feed.like'), post('c', 'app.dunlin.live.message'), identity, post('d', 'app.bsky.feed.like', 'did:plc:cccc'), post('x'.repeat(400)), post('end', 'app.bsky.feed.post', 'did:plc:cccc'), { kind: 'account', did: 'did:plc:cccc', active: true, status: null });
  await Promise.all(clients.map((client) => eventually('the last', () => client.json.at(-1)?.['kind'] === 'account')));
  expect(clients.map(texts)).toEqual([
    ['a', 'identity', 'x'.repeat(400), 'end', 'account'],
    ['a', 'b', 'c', 'identity', 'd', 'x'.repeat(400), 'end', 'account'],
    ['identity', 'd', 'end', 'account'],
    ['d', 'account'],
    ['a', 'b', 'c', 'identity', 'd', 'end', 'account'],
  ]);
});

test('a cursor is inclusive, in µs; an old one gives the oldest, a future one and none are live', async () => {
  const log = new MemoryLog();
  const times = append(log, post('1'), post('2'), post('3'));
  const server = await startStreams(log);
  const at = (index: number, plusUs = 0): string => `/subscribe?cursor=${(times[index] ?? 0) * 1_000 + plusUs}`;
  const futureUs = (Date.now() + 3_600_000) * 1_000;
  const clients = await Promise.all([at(1), at(1, 999), at(1, 1_000), '/subscribe?cursor=0', '/subscribe?cursor=1', `/subscribe?cursor=${futureUs}`, '/subscribe', '/subscribe?cursor='].map((path) => connect(server, path)));
  await eventually('all are attached', () => server.streams.consumers().length === clients.length);
  append(log, post('live'));
  await Promise.all(clients.map((client) => eventually('the live one', () => texts(client).at(-1) === 'live')));
  expect(clients.map((client) => texts(client).join(' '))).toEqual(['2 3 live', '2 3 live', '3 live', '1 2 3 live', '1 2 3 live', 'live', 'live', 'live']);
  expect(server.streams.consumers().map(({ stream, cursor }) => [stream, cursor])).toEqual(clients.map(() => ['json', firstSeq + 3]));
});

test.each(['-1', 'abc', '1.5', '1'.repeat(19)])('the cursor %s is refused before the upgrade', async (cursor) => {
  const server = await startStreams(new MemoryLog());
  await expect(connect(server, `/subscribe?cursor=${cursor}`)).rejects.toThrow(/^400 .*"error":"InvalidRequest"/);
});

test.each(['wantedCollections=app.bsky.feed.fo*', 'wantedCollections=nonsense', 'wantedCollections=.*', 'wantedDids=bob', `${Array.from({ length: 101 }, (_, index) => `wantedCollections=a.b.c${index}`).join('&')}`])('a bad filter is refused before the upgrade: %.60s', async (query) => {
  const server = await startStreams(new MemoryLog());
  await expect(connect(server, `/subscribe?${query}`)).rejects.toThrow(/^400 .*"error":"InvalidRequest"/);
});

test('a hundred collections and ten thousand accounts fit the query; a size that is no number means none', async () => {
  const log = new MemoryLog();
  const server = await startStreams(log);
  const collections = Array.from({ length: 100 }, (_, index) => `wantedCollections=a.b.c${index}`).join('&');
  const dids = Array.from({ length: maxDids }, (_, index) => `wantedDids=did:plc:${String(index).padStart(24, 'a')}`).join('&');
  const client = await connect(server, `/subscribe?${collections}&${dids}&maxMessageSizeBytes=much`);
  append(log, post('no'), post('yes', 'a.b.c99', `did:plc:${'9999'.padStart(24, 'a')}`));
  await got(client, 1);
  expect(texts(client)).toEqual(['yes']);
});

test('options_update changes the filter for what follows; an empty list wants all again', async () => {
  const log = new MemoryLog();
  const server = await startStreams(log);
  const client = await connect(server, '/subscribe?wantedCollections=app.bsky.feed.post');
  append(log, post('1'), post('2', 'app.bsky.feed.like'));
  await got(client, 1);
  client.send({ type: 'hello there', payload: 5 });
  client.send({ type: 'options_update', payload: { wantedCollections: ['app.bsky.feed.like'], wantedDids: [did] } });
  await eventually('it holds', async () => (await server.metrics.text()).includes('relay_stream_options_updates_total{result="applied"} 1'));
  append(log, post('3'), post('4', 'app.bsky.feed.like'));
  await got(client, 2);
  client.send({ type: 'options_update', payload: { wantedCollections: [], wantedDids: null, maxMessageSizeBytes: -5 } });
  await eventually('it holds', async () => (await server.metrics.text()).includes('relay_stream_options_updates_total{result="applied"} 2'));
  append(log, post('5'), post('6', 'app.bsky.feed.like'));
  await got(client, 4);
  expect(texts(client)).toEqual(['1', '4', '5', '6']);
});

test('requireHello sends nothing before the first options_update, then everything since the connection', async () => {
  const log = new MemoryLog();
  const server = await startStreams(log);
  const client = await connect(server, '/subscribe?requireHello=true');
  await connect(server, '/subscribe');
  append(log, post('1'), post('2', 'app.bsky.feed.like'));
  client.send({ type: 'not that' });
  await eventually('the other got its place', () => server.streams.consumers().length === 1);
  expect(client.messages).toEqual([]);
  client.send({ type: 'options_update', payload: { wantedCollections: ['app.bsky.feed.like'] } });
  await got(client, 1);
  append(log, post('3', 'app.bsky.feed.like'));
  await got(client, 2);
  expect(texts(client)).toEqual(['2', '3']);
});

test.each([
  ['not JSON', '{', 1007],
  ['no object', '5', 1007],
  ['no type', '{}', 1007],
  ['no payload', '{"type":"options_update"}', 1007],
  ['a list that is none', '{"type":"options_update","payload":{"wantedDids":"did:plc:aaaa"}}', 1007],
  ['a list of numbers', '{"type":"options_update","payload":{"wantedCollections":[5]}}', 1007],
  ['a size that is no number', '{"type":"options_update","payload":{"maxMessageSizeBytes":"5"}}', 1007],
  ['a bad collection', '{"type":"options_update","payload":{"wantedCollections":["a*"]}}', 1008],
  ['a bad did', '{"type":"options_update","payload":{"wantedDids":["bob"]}}', 1008],
  ['101 collections', JSON.stringify({ type: 'options_update', payload: { wantedCollections: Array.from({ length: 101 }, (_, index) => `a.b.c${index}`) } }), 1008],
  ['10,001 accounts', JSON.stringify({ type: 'options_update', payload: { wantedDids: Array.from({ length: 10_001 }, (_, index) => `did:plc:${index}`) } }), 1008],
])('a message with %s closes the connection', async (_, message, code) => {
  const server = await startStreams(new MemoryLog());
  const client = await connect(server, '/subscribe');
  client.socket.send(message);
  expect((await client.closed).code).toBe(code);
  await eventually('it is gone', () => server.streams.consumers().length === 0);
});

test('a binary message is passed by', async () => {
  const log = new MemoryLog();
  const server = await startStreams(log);
  const client = await connect(server, '/subscribe');
  client.socket.send(randomBytes(10));
  append(log, post('1'));
  await got(client, 1);
});

test('a message of 10 MB is read, one byte more closes with 1009, and messages without end close with 1008', async () => {
  const server = await startStreams(new MemoryLog());
  const [reader, talker] = [await connect(server, '/subscribe'), await connect(server, '/subscribe')];
  const message = { type: 'options_update', payload: { wantedDids: [did], padding: '' } };
  message.payload.padding = 'x'.repeat(maxClientMessageBytes - JSON.stringify(message).length);
  reader.send(message);
  await eventually('it holds', async () => (await server.metrics.text()).includes('relay_stream_options_updates_total{result="applied"} 1'));
  message.payload.padding += 'x';
  reader.send(message);
  expect((await reader.closed).code).toBe(1009);
  message.payload.padding = message.payload.padding.slice(1);
  for (let times = 0; times < 4; times++) talker.send(message);
  expect(await talker.closed).toEqual({ code: 1008, reason: 'too many messages' });
});

const dictionary = readDictionary();

test.each([
  ['compress=true', '/subscribe?compress=true', {}, undefined],
  ['the header', '/subscribe', { 'socket-encoding': 'zstd' }, undefined],
  ['our dictionary', `/subscribe?zstdDictionary=${dictionary.id}`, {}, dictionary.bytes],
])('messages are zstd frames on demand: %s', async (_, path, headers, bytes) => {
  const log = new MemoryLog();
  const server = await startStreams(log);
  const [client, plain] = [await connect(server, path, headers), await connect(server, '/subscribe')];
  append(log, post('1'), identity, post('x'.repeat(900_000)));
  append(log, post('2'));
  await Promise.all([got(client, 4), got(plain, 4)]);
  expect(client.messages.every((message) => Buffer.isBuffer(message))).toBe(true);
  const texts = client.messages.map((message) => zstdDecompressSync(message as Buffer, bytes ? { dictionary: bytes } : {}).toString('utf8'));
  expect(texts).toEqual(plain.messages);
  // A frame names the dictionary it needs: none for those who did not name ours, whatever they have at hand.
  const idBytes = (frame: Buffer): number => [0, 1, 2, 4][frame.readUInt8(4) & 3] ?? 0;
  expect(idBytes(client.messages[0] as Buffer)).toBe(bytes ? 4 : 0);
  if (!bytes) expect(zstdDecompressSync(client.messages[0] as Buffer, { dictionary: dictionary.bytes }).toString('utf8')).toBe(plain.messages[0]);
});

test('another dictionary is refused with the id of ours, which is served', async () => {
  const server = await startStreams(new MemoryLog());
  await expect(connect(server, '/subscribe?zstdDictionary=1612007021')).rejects.toThrow(new RegExp(`^400 .*"error":"UnknownZstdDictionary".*${dictionary.id}`));
  const answer = await fetch(`${server.url}/zstd-dictionary`);
  expect(answer.headers.get('content-type')).toBe('application/octet-stream');
  expect(answer.headers.get('zstd-dictionary-id')).toBe(String(dictionary.id));
  expect(Buffer.from(await answer.arrayBuffer()).equals(dictionary.bytes)).toBe(true);
});

test('filters beyond the memory for them are refused before the upgrade and afterwards', async () => {
  const server = await startStreams(new MemoryLog(), { maxFilterBytes: 3_000 });
  const dids = Array.from({ length: 20 }, (_, index) => `did:plc:${index}`);
  const client = await connect(server, '/subscribe');
  await eventually('it is attached', () => server.streams.consumers().length === 1);
  await expect(connect(server, `/subscribe?${dids.map((one) => `wantedDids=${one}`).join('&')}`)).rejects.toThrow(/^503/);
  client.send({ type: 'options_update', payload: { wantedDids: dids } });
  expect((await client.closed).code).toBe(1013);
});

test('a plain request is told to upgrade, and closing says so to all', async () => {
  const server = await startStreams(new MemoryLog());
  expect((await fetch(`${server.url}/subscribe`)).status).toBe(426);
  const client = await connect(server, '/subscribe');
  await eventually('it is attached', () => server.streams.consumers().length === 1);
  await Promise.all([server.close(), client.closed.then(({ code }) => expect(code).toBe(1001))]);
});

test('a client that reads nothing is cut with 1008 ConsumerTooSlow, and one that reads is not held up by it', async () => {
  const log = new MemoryLog();
  const clock = new ManualClock();
  const server = await startStreams(log, { clock });
  const [stuck, reader] = [await connect(server, '/subscribe'), await connect(server, '/subscribe')];
  await eventually('both are attached', () => server.streams.consumers().length === 2);
  stuck.socket.pause();
  let appended = 0;
  await eventually('the stuck one has more than its socket takes', async () => {
    append(log, post('x'.repeat(900_000)));
    await got(reader, ++appended);
    return server.streams.consumers().some(({ bufferedBytes }) => bufferedBytes > 0);
  });
  const isBlocked = (): boolean => server.streams.consumers().some(({ bufferedBytes }) => bufferedBytes > 0);
  clock.advance(29_999);
  expect(isBlocked()).toBe(true);
  clock.advance(7_501);
  expect(server.streams.consumers().length).toBe(1);
  stuck.socket.resume();
  expect(await stuck.closed).toEqual({ code: 1008, reason: 'ConsumerTooSlow' });
  expect(stuck.messages.length).toBeLessThan(appended + 1);
  append(log, post('end'));
  await eventually('the reader goes on', () => texts(reader).at(-1) === 'end');
});
