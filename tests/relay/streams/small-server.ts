/**
 * The streams on a listener of their own over any log, and clients for them. Everything is closed after the test.
 * Not a test itself.
 */
import { once } from 'node:events';
import { afterEach } from '@jest/globals';
import WebSocket from 'ws';
import type { EventLog } from '@dunlin/service/firehose/event-log';
import { Outbox } from '@dunlin/service/firehose/outbox';
import { createApp, listen } from '@dunlin/service/http/app';
import { createRouter, mountRouter } from '@dunlin/service/http/router';
import { silentLogger } from '@dunlin/service/log/logger';
import { createMetrics, type Metrics } from '@dunlin/service/metrics/registry';
import { createWebSocketServer } from '@dunlin/service/websocket/server';
import type { TimedLog } from '@dunlin/relay/streams/page';
import { serveStreams, type Streams, type StreamsOptions } from '@dunlin/relay/streams/serve';

/** A server that is up. */
export interface SmallServer {
  readonly url: string;
  readonly streams: Streams;
  readonly metrics: Metrics;
  readonly outbox: Outbox;
  /** Ends the streams as a shutdown does. */
  close(): Promise<void>;
}

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** Starts it, on a port of its own unless told. */
export async function startStreams(log: TimedLog & EventLog, options: Partial<StreamsOptions> = {}, port = 0): Promise<SmallServer> {
  const metrics = createMetrics('relay');
  const app = createApp({ log: silentLogger, metrics, serverName: 'test' });
  const router = createRouter();
  mountRouter(app, router);
  const http = await listen(app, { host: '127.0.0.1', port, maxHeaderBytes: 524_288 });
  const websocket = createWebSocketServer(http, { log: silentLogger });
  const outbox = new Outbox(log, { metrics, logger: silentLogger });
  const streams = serveStreams({ websocket, router, log, outbox, metrics, logger: silentLogger, ...options });
  const server = {
    url: http.url, streams, metrics, outbox,
    close: async () => {
      streams.close();
      outbox.close();
      await websocket.close();
      await http.close();
      metrics.close();
    },
  };
  let isClosed = false;
  closing.push(() => (isClosed ? undefined : server.close()));
  return { ...server, close: async () => { isClosed = true; await server.close(); } };
}

/** A WebSocket client that keeps everything. */
export class Client {
  readonly socket: WebSocket;
  readonly messages: (string | Buffer)[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer, isBinary) => void this.messages.push(isBinary ? data : data.toString('utf8')));
    this.closed = new Promise((resolve) => socket.once('close', (code, reason) => resolve({ code, reason: reason.toString() })));
  }

  get json(): Record<string, unknown>[] {
    return this.messages.map((message) => JSON.parse(message.toString()) as Record<string, unknown>);
  }

  send(message: object): void {
    this.socket.send(JSON.stringify(message));
  }
}

/** Connects; @throws with the HTTP status and body when there is no upgrade. */
export async function connect(server: SmallServer, path: string, headers: Record<string, string> = {}): Promise<Client> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}${path}`, { perMessageDeflate: false, headers });
  const client = new Client(socket);
  closing.push(() => socket.terminate());
  const refused = new Promise<never>((_, reject) => {
    socket.once('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => void chunks.push(chunk));
      response.on('end', () => reject(new Error(`${response.statusCode} ${Buffer.concat(chunks).toString()}`)));
    });
    socket.once('error', reject);
  });
  await Promise.race([once(socket, 'open'), refused]);
  return client;
}

/** Gives an event but for the time the log took it. */
export function withoutTime(event: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(event).filter(([name]) => name !== 'time_us'));
}
