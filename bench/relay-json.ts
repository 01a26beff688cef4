/**
 * How many JSON events reach 100 consumers with filters in a second of the relay's processor time: pages, channels and shared bytes
 * against decoding once and JSON.stringify with ws.send for each consumer, in the same run; the same with zstd. Then one consumer
 * that replays, what the text of an event costs, and what a zstd context costs that is kept against one made each time.
 * The reading side is a process of its own. The log is made up of real-sized events. Prints one JSON line a figure.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { zstdCompressSync } from 'node:zlib';
import { WebSocketServer, type WebSocket } from 'ws';
import { decode } from '@dunlin/protocol/data/cbor';
import { toJson } from '@dunlin/protocol/data/json';
import { readCar } from '@dunlin/protocol/car/read';
import { decodeEvent } from '@dunlin/protocol/stream/event-codec';
import { framePayload } from '@dunlin/relay/log/frame-bytes';
import { CompressedEncoding } from '@dunlin/relay/streams/compressor';
import { readDictionary } from '@dunlin/relay/streams/dictionary';
import type { JsonEvent } from '@dunlin/relay/streams/entry';
import { eventText } from '@dunlin/relay/streams/event-text';
import { wants, type Filter } from '@dunlin/relay/streams/filter';
import { readJsonFilter } from '@dunlin/relay/streams/jetstream-options';
import { Page } from '@dunlin/relay/streams/page';
import { serveStreams } from '@dunlin/relay/streams/serve';
import { Outbox } from '@dunlin/service/firehose/outbox';
import { createRouter } from '@dunlin/service/http/router';
import { silentLogger } from '@dunlin/service/log/logger';
import { createMetrics } from '@dunlin/service/metrics/registry';
import { createWebSocketServer } from '@dunlin/service/websocket/server';
import { SampleLog, sampleFrames } from './relay-json/sample-log.ts';
import { Readers } from './relay/readers.ts';

const warmUpMs = 500;
const measureMs = 2_500;
const sliceEvents = 8;
const samples = sampleFrames(3_000);
const dids = samples.slice(0, 300).map(({ did }) => `wantedDids=${did}`);
const collection = (...names: string[]): string => names.map((name) => `wantedCollections=${name}`).join('&');
/** What consumers of the network ask for; each ten times. */
const queries = [
  '', collection('app.bsky.feed.post'), collection('app.bsky.feed.like'), collection('app.bsky.feed.*'), collection('app.bsky.graph.follow', 'app.bsky.graph.block'),
  collection('app.dunlin.live.*'), collection('app.bsky.actor.profile', 'app.bsky.feed.threadgate'), dids.join('&'), `${dids.slice(0, 100).join('&')}&${collection('app.bsky.feed.post')}`, collection('app.bsky.feed.post', 'app.bsky.feed.repost'),
];
const paths = (more: string): string[] => Array.from({ length: 100 }, (_, index) => `/subscribe?${queries[index % queries.length]}${more}`);

interface Rates {
  perCpuSecond: number;
  perSecond: number;
  bytesPerEvent: number;
}

/** Starts readers, lets `produce` run, and gives the rates of events by what the server says it sent and the readers got. */
async function measure(server: Server, wanted: readonly string[], produce: (isRunning: () => boolean) => void, sent: () => { events: number; bytes: number }): Promise<Rates> {
  const { port } = server.address() as AddressInfo;
  const readers = await Readers.start(port, wanted);
  let isRunning = true;
  produce(() => isRunning);
  await new Promise((resolve) => setTimeout(resolve, warmUpMs));
  const [cpuBefore, bytesBefore, sentBefore, startMs] = [process.cpuUsage(), await readers.bytes(), sent(), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, measureMs));
  const [cpu, bytesAfter, sentAfter, seconds] = [process.cpuUsage(cpuBefore), await readers.bytes(), sent(), (performance.now() - startMs) / 1_000];
  isRunning = false;
  await readers.close();
  const bytesPerEvent = (sentAfter.bytes - sentBefore.bytes) / (sentAfter.events - sentBefore.events);
  const events = (bytesAfter - bytesBefore) / bytesPerEvent;
  return { perCpuSecond: Math.round(events / ((cpu.user + cpu.system) / 1e6)), perSecond: Math.round(events / seconds), bytesPerEvent: Math.round(bytesPerEvent) };
}

async function listening(): Promise<Server> {
  const server = createServer({ maxHeaderSize: 524_288 });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** The streams of the relay. `held` events are replayed; without any, new ones come as quickly as they are taken. */
async function streamRates(wanted: readonly string[], held = 0): Promise<Rates> {
  const server = await listening();
  const metrics = createMetrics('bench');
  const log = new SampleLog(samples, held);
  const websocket = createWebSocketServer({ server }, { log: silentLogger, maxConnectionsPerAddress: wanted.length });
  const outbox = new Outbox(log, { metrics, logger: silentLogger });
  const streams = serveStreams({ websocket, router: createRouter(), log, outbox, metrics, logger: silentLogger });
  const rates = await measure(server, wanted, (isRunning) => {
    const next = (): void => {
      if (!isRunning()) return;
      // As a busy log would: some events at a time, as long as nobody is far behind.
      const slowest = Math.min(...streams.consumers().map(({ cursor }) => cursor));
      if (log.headSeq() - slowest < 512) for (let burst = 0; burst < 4; burst++) log.append(sliceEvents);
      setImmediate(next);
    };
    if (held === 0) next();
  }, () => streams.consumers().reduce((sum, { sentEvents, sentBytes }) => ({ events: sum.events + sentEvents, bytes: sum.bytes + sentBytes }), { events: 0, bytes: 0 }));
  streams.close();
  outbox.close();
  await websocket.close();
  server.close();
  metrics.close();
  return rates;
}

/** Decodes a frame as a server without pages would. */
function decodeLong(frame: Buffer, timeUs: number): { json: object; did: string; collection: string }[] {
  const event = decodeEvent(framePayload(frame));
  if (event.kind !== 'commit') return [];
  const { blocks } = readCar(event.blocks);
  return event.ops.map(({ action: operation, path, cid }) => {
    const [name = '', rkey] = path.split('/');
    const block = cid === null ? undefined : blocks.get(cid);
    const record = block === undefined || cid === null ? {} : { record: toJson(decode(block)), cid: cid.toString() };
    return { did: event.did, collection: name, json: { did: event.did, time_us: timeUs, kind: 'commit', commit: { rev: event.rev, operation, collection: name, rkey, ...record } } };
  });
}

/** Decodes an event once; filters, stringifies and sends it (and compresses it, when asked) for each consumer. */
async function stringifyRates(wanted: readonly string[], doesCompress: boolean): Promise<Rates> {
  const server = await listening();
  const websocket = new WebSocketServer({ server, perMessageDeflate: false });
  const consumers: { socket: WebSocket; filter: Filter }[] = [];
  const sent = { events: 0, bytes: 0 };
  websocket.on('connection', (socket, request) => {
    consumers.push({ socket, filter: readJsonFilter(new URL(request.url ?? '/', 'http://x').searchParams) });
    socket.on('error', () => undefined);
  });
  const log = new SampleLog(samples, 0);
  log.onAppend(({ bytes, timesMs }) => {
    let at = 0;
    for (const timeMs of timesMs) {
      const end = at + 4 + bytes.readUInt16BE(at + 2);
      for (const { json, did, collection: name } of decodeLong(bytes.subarray(at, end), timeMs * 1_000)) {
        for (const { socket, filter } of consumers) {
          if (!wants(filter, { kind: 'commit', did, collections: [name] })) continue;
          const text = JSON.stringify(json);
          const message = doesCompress ? zstdCompressSync(text) : text;
          socket.send(message);
          sent.events += 1;
          sent.bytes += message.length + (message.length < 126 ? 2 : 4);
        }
      }
      at = end;
    }
  });
  const rates = await measure(server, wanted, (isRunning) => {
    const next = (): void => {
      if (!isRunning()) return;
      if (consumers.every(({ socket }) => socket.bufferedAmount < 262_144)) log.append(sliceEvents);
      setImmediate(next);
    };
    next();
  }, () => ({ ...sent }));
  for (const { socket } of consumers) socket.terminate();
  websocket.close();
  server.close();
  return rates;
}

/** Runs `work` for a while; gives how often in a second of processor time. */
async function often(work: () => unknown): Promise<number> {
  for (let warm = 0; warm < 200; warm++) await work();
  const [startMs, cpuBefore] = [performance.now(), process.cpuUsage()];
  let count = 0;
  for (; performance.now() - startMs < 1_500; count++) {
    const result = work();
    if (result instanceof Promise) await result;
  }
  const cpu = process.cpuUsage(cpuBefore);
  return Math.round(count / ((cpu.user + cpu.system) / 1e6));
}

function freshEvents(): JsonEvent[] {
  const slice = new SampleLog(samples, samples.length).read(2 ** 32, 1e9);
  return slice === null ? [] : new Page(slice, null).entries.flatMap(({ events }) => events);
}

async function textRates(): Promise<{ ours: number; longWay: number }> {
  let [events, next] = [freshEvents(), 0];
  const pages = await often(() => {
    if (next === events.length) [events, next] = [freshEvents(), 0];
    return eventText(events[next++]!);
  });
  return { ours: pages, longWay: await often(() => JSON.stringify(decodeLong(samples[next++ % samples.length]!.frame, next)[0]?.json)) };
}

async function zstdRates(): Promise<{ kept: number; each: number }> {
  const dictionary = readDictionary().bytes;
  const encoding = new CompressedEncoding(0, dictionary);
  const texts = freshEvents().map(eventText);
  let [events, next] = [freshEvents(), 0];
  const batch = 64;
  const kept = await often(() => {
    if (next + batch > events.length) [events, next] = [freshEvents(), 0];
    return encoding.prepare(events.slice(next, (next += batch)));
  });
  encoding.close();
  return { kept: kept * batch, each: await often(() => zstdCompressSync(texts[next++ % texts.length]!, { dictionary })) };
}

function print(bench: string, figure: number, unit: string, ratio: number, against: string, detail: object): void {
  process.stdout.write(`${JSON.stringify({ bench, figure, unit, ratio: Number(ratio.toFixed(2)), against, detail })}\n`);
}

const each = await stringifyRates(paths(''), false);
const ours = await streamRates(paths(''));
print('relay json', ours.perCpuSecond, 'events per second of server CPU, 100 consumers with 10 filters', ours.perCpuSecond / each.perCpuSecond, 'JSON.stringify and ws.send for each consumer', { ours, each });
const eachZstd = await stringifyRates(paths('&compress=true'), true);
const zstd = await streamRates(paths('&compress=true'));
const dictionary = await streamRates(paths(`&zstdDictionary=${readDictionary().id}`));
print('relay json zstd', zstd.perCpuSecond, 'events per second of server CPU, 100 consumers with 10 filters', zstd.perCpuSecond / eachZstd.perCpuSecond, 'zstdCompressSync for each consumer', { zstd, dictionary, each: eachZstd });
const eachOne = await stringifyRates(['/subscribe'], false);
const replay = await streamRates(['/subscribe?cursor=0'], 1e9);
const rare = await streamRates([`/subscribe?cursor=0&${collection('app.bsky.actor.profile')}`], 1e9);
print('relay json replay', replay.perCpuSecond, 'events per second of server CPU, one consumer of all', replay.perCpuSecond / eachOne.perCpuSecond, 'the same consumer live, with JSON.stringify and ws.send', { replay, onePercentWanted: rare, eachOne });
const text = await textRates();
print('relay json text', text.ours, 'texts per second of CPU', text.ours / text.longWay, 'decoding frame, car and record, then JSON.stringify', text);
const context = await zstdRates();
print('relay json compress', context.kept, 'texts per second of CPU, with the dictionary', context.kept / context.each, 'zstdCompressSync', context);
