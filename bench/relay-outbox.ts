/**
 * How many frames of 1.5 kB reach 100 consumers in a second of the server's processor time: the outbox against one ws.send
 * a frame and consumer, in the same run, and against bare writes of the same bytes, the most the kernel takes; and how quickly one consumer replays from the log.
 * The reading side is a process of its own (relay/readers.ts). The log is a made-up one in memory: what is measured is
 * ring, outbox and sockets. Prints one JSON line a figure; `detail` has the wall-clock rates.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import type { EventLog, EventSlice } from '@dunlin/service/firehose/event-log';
import { Outbox } from '@dunlin/service/firehose/outbox';
import { serveSubscribeRepos, subscribeReposPath } from '@dunlin/service/firehose/subscribe';
import { silentLogger } from '@dunlin/service/log/logger';
import { createMetrics } from '@dunlin/service/metrics/registry';
import { wrapFrame } from '@dunlin/service/websocket/frames';
import { createWebSocketServer } from '@dunlin/service/websocket/server';
import { Readers, times } from './relay/readers.ts';

const consumers = 100;
const payloadBytes = 1_500;
const warmUpMs = 500;
const measureMs = 2_500;
const payload = Buffer.alloc(payloadBytes, 0x61);
const frame = wrapFrame(payload);
const manyFrames = Buffer.concat(Array.from({ length: 700 }, () => frame));

/** A log of equal frames: event n is the same for every n, so a read is a view. */
class EqualFramesLog implements EventLog {
  #head: number;
  readonly #listeners: ((slice: EventSlice) => void)[] = [];

  constructor(head: number) {
    this.#head = head;
  }

  headSeq(): number {
    return this.#head;
  }

  oldestSeq(): number {
    return 1;
  }

  read(afterSeq: number, maxBytes: number): EventSlice | null {
    const count = Math.min(this.#head - afterSeq, Math.max(1, Math.floor(Math.min(maxBytes, manyFrames.length) / frame.length)));
    return count <= 0 ? null : { bytes: manyFrames.subarray(0, count * frame.length), firstSeq: afterSeq + 1, lastSeq: afterSeq + count, count };
  }

  onAppend(listener: (slice: EventSlice) => void): () => void {
    this.#listeners.push(listener);
    return () => undefined;
  }

  append(count: number): void {
    const slice = { bytes: manyFrames.subarray(0, count * frame.length), firstSeq: this.#head + 1, lastSeq: this.#head + count, count };
    this.#head += count;
    for (const listener of this.#listeners) listener(slice);
  }
}

interface Rates {
  perCpuSecond: number;
  perSecond: number;
}

/** Starts the readers, lets `produce` run, and gives the rates at which whole frames arrived. */
async function measure(server: Server, count: number, path: string, produce: (isRunning: () => boolean) => void): Promise<Rates> {
  const { port } = server.address() as AddressInfo;
  const readers = await Readers.start(port, times(count, path));
  let isRunning = true;
  produce(() => isRunning);
  await new Promise((resolve) => setTimeout(resolve, warmUpMs));
  const [cpuBefore, bytesBefore, startMs] = [process.cpuUsage(), await readers.bytes(), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, measureMs));
  const [cpu, bytesAfter, seconds] = [process.cpuUsage(cpuBefore), await readers.bytes(), (performance.now() - startMs) / 1_000];
  isRunning = false;
  const frames = (bytesAfter - bytesBefore) / frame.length;
  await readers.close();
  return { perCpuSecond: Math.round(frames / ((cpu.user + cpu.system) / 1e6)), perSecond: Math.round(frames / seconds) };
}

async function listening(): Promise<Server> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function outboxRates(count: number, o: { replayEvents: number }): Promise<Rates> {
  const server = await listening();
  const metrics = createMetrics('bench');
  const log = new EqualFramesLog(o.replayEvents);
  const outbox = new Outbox(log, { metrics, logger: silentLogger });
  const websocket = createWebSocketServer({ server }, { log: silentLogger, maxConnectionsPerAddress: count });
  serveSubscribeRepos({ websocket, log, outbox });
  const path = o.replayEvents > 0 ? `${subscribeReposPath}?cursor=0` : subscribeReposPath;
  const rates = await measure(server, count, path, (isRunning) => {
    const next = (): void => {
      if (!isRunning()) return;
      const slowest = Math.min(...outbox.consumers().map(({ cursor }) => cursor));
      // As a busy log would: some events at a time, as long as nobody is far behind; else rest, so that waiting costs nothing.
      const isAhead = o.replayEvents > 0 || (log.headSeq() - slowest) * frame.length >= 8_388_608;
      if (!isAhead) for (let burst = 0; burst < 16; burst++) log.append(16);
      if (isAhead) setTimeout(next, 1);
      else setImmediate(next);
    };
    next();
  });
  outbox.close();
  await websocket.close();
  server.close();
  metrics.close();
  return rates;
}

/**
 * One ws.send a frame and consumer. Keeping up: a consumer that is backed up misses the event, so every frame is a write of its
 * own, as on a live stream. Overloaded: sends queue up in each socket, and Node then writes many of them at once.
 */
async function sendEachRates(count: number, mode: 'keeping up' | 'overloaded'): Promise<Rates> {
  const server = await listening();
  const websocket = new WebSocketServer({ server, perMessageDeflate: false });
  const sockets: WebSocket[] = [];
  websocket.on('connection', (socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
  });
  const rates = await measure(server, count, '/', (isRunning) => {
    const next = (): void => {
      if (!isRunning()) return;
      let sent = 0;
      for (let event = 0; event < 16; event++) {
        for (const socket of sockets) {
          if (socket.bufferedAmount > (mode === 'overloaded' ? 1_048_576 : 0)) continue;
          socket.send(payload);
          sent++;
        }
      }
      if (sent === 0) setTimeout(next, 1);
      else setImmediate(next);
    };
    next();
  });
  for (const socket of sockets) socket.terminate();
  websocket.close();
  server.close();
  return rates;
}

/** The floor: the same bytes in writes of 256 KiB, as large as a run of the ring, to sockets that are always ready; nothing else. */
async function bareWriteRates(count: number): Promise<Rates> {
  const server = await listening();
  const run = Buffer.concat(Array.from({ length: Math.floor(262_144 / frame.length) }, () => frame));
  let isRunning = (): boolean => true;
  server.on('upgrade', (_request, socket) => {
    socket.on('error', () => undefined);
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    const next = (): void => {
      if (isRunning()) socket.write(run, () => setImmediate(next));
    };
    setTimeout(next, 50);
  });
  const rates = await measure(server, count, '/', (running) => void (isRunning = running));
  server.closeAllConnections();
  server.close();
  return rates;
}

function print(bench: string, figure: number, unit: string, ratio: number, against: string, detail: object): void {
  process.stdout.write(`${JSON.stringify({ bench, figure, unit, ratio, against, detail })}\n`);
}

const ratio = (ours: number, theirs: number): number => Number((ours / theirs).toFixed(2));
const each = await sendEachRates(consumers, 'keeping up');
const overloaded = await sendEachRates(consumers, 'overloaded');
const ours = await outboxRates(consumers, { replayEvents: 0 });
const bare = await bareWriteRates(consumers);
print('relay-outbox', ours.perCpuSecond, 'frames per second of server CPU, 100 consumers', ratio(ours.perCpuSecond, each.perCpuSecond), 'one ws.send a frame', {
  ours, each, overloaded, bare, ratioToOverloaded: ratio(ours.perCpuSecond, overloaded.perCpuSecond), ratioToBareWrites: ratio(ours.perCpuSecond, bare.perCpuSecond),
  bareWritesToEach: ratio(bare.perCpuSecond, each.perCpuSecond), frameBytes: frame.length,
});
const eachOne = await sendEachRates(1, 'keeping up');
const replay = await outboxRates(1, { replayEvents: Number.MAX_SAFE_INTEGER - 1 });
print('relay-outbox, replay', replay.perSecond, 'frames per second, one consumer', ratio(replay.perSecond, eachOne.perSecond), 'one ws.send a frame', {
  replay, each: eachOne, megabytesPerSecond: Math.round((replay.perSecond * frame.length) / 1e6), frameBytes: frame.length,
});
