/** Tests of WebSocket endpoints over real sockets: handshake, limits, liveness, backpressure, closing. */
import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { silentLogger } from '@dunlin/service/log/logger';
import { createWebSocketServer, type WebSocketRequest, type WebSocketRoutes, type WebSocketServerOptions } from '@dunlin/service/websocket/server';
import type { WebSocketConnection } from '@dunlin/service/websocket/connection';
import { wrapFrame, wrapText } from '@dunlin/service/websocket/frames';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import { eventually } from '../../harness/wait.ts';
import { closeServices, openApp, whenDone } from '../http/open-app.ts';

afterEach(closeServices);

interface Opened {
  readonly url: string;
  readonly port: number;
  readonly routes: WebSocketRoutes;
  readonly connections: WebSocketConnection[];
  readonly requests: WebSocketRequest[];
}

async function open(o: Partial<WebSocketServerOptions> = {}): Promise<Opened> {
  const service = await openApp();
  const routes = createWebSocketServer(service, { log: silentLogger, closeTimeoutMs: 300, ...o });
  whenDone(() => routes.close());
  const connections: WebSocketConnection[] = [];
  const requests: WebSocketRequest[] = [];
  routes.route('/stream', (connection, request) => {
    connections.push(connection);
    requests.push(request);
  });
  return { url: service.url.replace('http', 'ws'), port: service.port, routes, connections, requests };
}

async function dial(url: string, headers: Record<string, string> = {}, protocols: string[] = []): Promise<WebSocket> {
  const client = new WebSocket(url, protocols, { headers, perMessageDeflate: true });
  whenDone(() => client.terminate());
  await once(client, 'open');
  return client;
}

/** Gives the HTTP answer to an upgrade that was refused. */
async function refusal(url: string, headers: Record<string, string> = {}): Promise<{ status: number | undefined; json: unknown; retryAfter: string | undefined }> {
  const client = new WebSocket(url, { headers });
  client.on('error', () => undefined);
  const [, response] = await once(client, 'unexpected-response');
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode, json: JSON.parse(text), retryAfter: response.headers['retry-after'] };
}

async function closeOf(client: WebSocket): Promise<{ code: number; reason: string }> {
  const [code, reason] = await once(client, 'close');
  return { code: Number(code), reason: String(reason) };
}

/** A client that shakes hands by hand and then reads nothing. */
async function dialDeaf(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  whenDone(() => void socket.destroy());
  socket.write('GET /stream HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n');
  await once(socket, 'data');
  socket.pause();
  return socket;
}

describe('the handshake', () => {
  test('hands over the connection with its URL, headers and address', async () => {
    const { url, requests, connections } = await open();
    await dial(`${url}/stream?cursor=5`, { 'x-forwarded-for': '203.0.113.7', 'user-agent': 'test' });
    expect(requests[0]?.url.searchParams.get('cursor')).toBe('5');
    expect(requests[0]?.headers['user-agent']).toBe('test');
    expect(requests[0]?.ip).toBe('203.0.113.7');
    expect(connections[0]?.ip).toBe('203.0.113.7');
  });

  test('never agrees to compression', async () => {
    const { url } = await open();
    expect((await dial(`${url}/stream`)).extensions).toBe('');
  });

  test.each([
    ['/nowhere', 404, { error: 'NotFound', message: 'no websocket is here' }],
    ['/xrpc/com.example.nothing', 501, { error: 'MethodNotImplemented', message: 'Method Not Implemented' }],
  ])('for %s is refused as JSON', async (path, status, json) => {
    const { url } = await open();
    expect(await refusal(url + path)).toMatchObject({ status, json });
  });

  test('can be refused by the route, with the error it throws', async () => {
    const { url, routes } = await open();
    let error: Error = new XrpcError(400, 'InvalidRequest', 'bad cursor', { 'x-a': 'b' });
    routes.route('/picky', () => undefined, { before: async () => { throw error; } });
    expect(await refusal(`${url}/picky`)).toMatchObject({ status: 400, json: { error: 'InvalidRequest', message: 'bad cursor' } });
    error = new Error('inner detail');
    expect(await refusal(`${url}/picky`)).toMatchObject({ status: 500, json: { error: 'InternalServerError', message: 'Internal Server Error' } });
  });

  test('that breaks the protocol is a 400', async () => {
    const { port } = await open();
    const client = httpRequest({ port, host: '127.0.0.1', path: '/stream', headers: { upgrade: 'websocket', connection: 'Upgrade', 'sec-websocket-version': '13' } });
    client.end();
    const [response] = await once(client, 'response');
    expect(response.statusCode).toBe(400);
    expect(response.headers['content-type']).toContain('application/json');
    response.resume();
  });

  test('missing altogether is a 426, and other paths are answered as before', async () => {
    const { port } = await open();
    const response = await fetch(`http://127.0.0.1:${port}/stream?x=1`);
    expect(response.status).toBe(426);
    expect(response.headers.get('upgrade')).toBe('websocket');
    expect(await response.json()).toMatchObject({ error: 'UpgradeRequired' });
    expect((await fetch(`http://127.0.0.1:${port}/_health`)).status).toBe(200);
  });

  test('asked for with another protocol than websocket is passed over', async () => {
    const { port } = await open();
    const client = httpRequest({ port, host: '127.0.0.1', path: '/_health', headers: { upgrade: 'h2c', connection: 'Upgrade, HTTP2-Settings' } });
    client.end();
    const [response] = await once(client, 'response');
    expect(response.statusCode).toBe(200);
    response.resume();
  });

  test('chooses the first sub-protocol of the route that the client offers', async () => {
    const { url, routes } = await open();
    routes.route('/spoken', () => undefined, { protocols: ['b', 'a'] });
    expect((await dial(`${url}/spoken`, {}, ['a', 'b'])).protocol).toBe('b');
  });
});

describe('limits', () => {
  test('count connections per address, on both sides of the bound, and give places back', async () => {
    const { url, routes } = await open({ maxConnectionsPerAddress: 2 });
    const from = { 'x-forwarded-for': '203.0.113.1' };
    const first = await dial(`${url}/stream`, from);
    await dial(`${url}/stream`, from);
    expect(await refusal(`${url}/stream`, from)).toMatchObject({ status: 429, json: { error: 'RateLimitExceeded' }, retryAfter: '30' });
    await dial(`${url}/stream`, { 'x-forwarded-for': '203.0.113.2' });
    first.close();
    await eventually('place is free', () => routes.count === 2);
    await dial(`${url}/stream`, from);
  });

  test('count an IPv6 network as one address', async () => {
    const { url } = await open({ maxConnectionsPerAddress: 1 });
    await dial(`${url}/stream`, { 'x-forwarded-for': '2001:db8:1:2::1' });
    expect((await refusal(`${url}/stream`, { 'x-forwarded-for': '2001:db8:1:2:ffff::9' })).status).toBe(429);
    await dial(`${url}/stream`, { 'x-forwarded-for': '2001:db8:1:3::1' });
  });

  test('count connections in all', async () => {
    const { url } = await open({ maxConnections: 1 });
    await dial(`${url}/stream`);
    expect((await refusal(`${url}/stream`)).status).toBe(503);
  });

  test('bound a client’s messages in bytes, on both sides of the bound', async () => {
    const { url, connections } = await open({ maxPayloadBytes: 1_000 });
    const client = await dial(`${url}/stream`);
    const seen: (string | Buffer)[] = [];
    connections[0]?.onMessage((message) => seen.push(message));
    client.send('x'.repeat(1_000));
    await eventually('message', () => seen.length === 1);
    client.send(Buffer.alloc(1_001));
    expect((await closeOf(client)).code).toBe(1009);
    expect(seen).toEqual(['x'.repeat(1_000)]);
  });

  test('of one path may differ from the server’s', async () => {
    const { url, routes } = await open({ maxPayloadBytes: 10 });
    const seen: number[] = [];
    routes.route('/roomy', (connection) => connection.onMessage((message) => seen.push(message.length)), { maxPayloadBytes: 1_000 });
    const client = await dial(`${url}/roomy`);
    client.send('x'.repeat(1_000));
    await eventually('message', () => seen.length === 1);
    client.send('x'.repeat(1_001));
    expect((await closeOf(client)).code).toBe(1009);
  });

  test('bound a client’s messages in number, pings among them', async () => {
    for (const shout of [(client: WebSocket) => client.send('x'), (client: WebSocket) => client.ping()]) {
      const clock = new ManualClock();
      const { url, connections } = await open({ maxMessagesPerSecond: 5, clock });
      const client = await dial(`${url}/stream`);
      for (let count = 0; count < 10; count++) shout(client);
      client.send('last within the burst?');
      expect(await closeOf(client)).toEqual({ code: 1008, reason: 'too many messages' });
      expect(connections[0]?.isOpen).toBe(false);
    }
  });

  test('let a client speak again after a while', async () => {
    const clock = new ManualClock();
    const { url, connections } = await open({ maxMessagesPerSecond: 5, clock });
    const client = await dial(`${url}/stream`);
    let seen = 0;
    connections[0]?.onMessage(() => void seen++);
    for (let round = 1; round <= 3; round++) {
      for (let count = 0; count < 10; count++) client.send('x');
      await eventually('ten more', () => seen === round * 10);
      clock.advance(2_000);
    }
    expect(client.readyState).toBe(WebSocket.OPEN);
  });
});

describe('messages', () => {
  test('go out as text, bytes and ready-made frames, in order', async () => {
    const { url, connections } = await open();
    const client = await dial(`${url}/stream`);
    const seen: unknown[] = [];
    client.on('message', (data, isBinary) => seen.push(isBinary ? [...(data as Buffer)] : String(data)));
    const connection = connections[0];
    connection?.sendText('grüß');
    connection?.sendBinary(new Uint8Array([1, 2]));
    connection?.sendFrames(Buffer.concat([wrapText('a'), wrapFrame(new Uint8Array([3])), wrapText('x'.repeat(70_000))]));
    await eventually('five messages', () => seen.length === 5);
    expect(seen).toEqual(['grüß', [1, 2], 'a', [3], 'x'.repeat(70_000)]);
  });

  test('come in as text or bytes', async () => {
    const { url, connections } = await open();
    const client = await dial(`${url}/stream`);
    const seen: (string | Buffer)[] = [];
    connections[0]?.onMessage((message) => seen.push(message));
    client.send('hello');
    client.send(Buffer.from([1]));
    await eventually('two messages', () => seen.length === 2);
    expect(seen).toEqual(['hello', Buffer.from([1])]);
  });

  test('from a client that pings are between pongs', async () => {
    const { url } = await open();
    const client = await dial(`${url}/stream`);
    client.ping('abc');
    const [data] = await once(client, 'pong');
    expect(String(data)).toBe('abc');
  });
});

describe('a client that does not read', () => {
  test('is told apart by what sends give, drains when it reads, and loses nothing', async () => {
    const { port, connections } = await open({ maxBufferedBytes: 64_000_000 });
    const deaf = await dialDeaf(port);
    const connection = connections[0];
    let drains = 0;
    connection?.onDrain(() => void drains++);
    const chunk = wrapFrame(Buffer.alloc(100_000));
    let sentBytes = 0;
    await eventually('the socket is full', () => {
      const canTakeMore = connection?.sendFrames(chunk);
      sentBytes += chunk.length;
      return canTakeMore === false && (connection?.bufferedBytes ?? 0) > 1_000_000;
    });
    expect(drains).toBe(0);
    let readBytes = 0;
    deaf.on('data', (data) => void (readBytes += data.length));
    deaf.resume();
    await eventually('drain', () => drains > 0);
    await eventually('all read', () => readBytes === sentBytes);
    expect(connection?.bufferedBytes).toBe(0);
  });

  test('is closed with 1013 when more than maxBufferedBytes wait', async () => {
    const { port, connections, routes } = await open({ maxBufferedBytes: 1_000_000 });
    await dialDeaf(port);
    const chunk = wrapFrame(Buffer.alloc(100_000));
    await eventually('cut', () => {
      connections[0]?.sendFrames(chunk);
      return connections[0]?.isOpen === false;
    });
    expect(connections[0]?.bufferedBytes).toBeLessThan(1_000_000 + 2 * chunk.length);
    const codes: number[] = [];
    connections[0]?.onClose((code) => codes.push(code));
    await eventually('gone', () => routes.count === 0);
    expect(codes).toHaveLength(1);
    expect(connections[0]?.sendText('nobody hears this')).toBe(false);
  });
});

describe('liveness', () => {
  test('pings a client each round, also after an answer, and keeps it while it answers', async () => {
    const clock = new ManualClock();
    const { url } = await open({ clock, pingMs: 30_000 });
    const client = await dial(`${url}/stream`);
    let pings = 0;
    client.on('ping', () => void pings++);
    for (let round = 1; round <= 5; round++) {
      clock.advance(30_000);
      await eventually('ping', () => pings === round);
      // What the server answers to this it says after it has heard the pong.
      client.ping();
      await once(client, 'pong');
    }
    expect(client.readyState).toBe(WebSocket.OPEN);
  });

  test('cuts a client that is silent for three rounds, and not before', async () => {
    const clock = new ManualClock();
    const { port, routes } = await open({ clock, pingMs: 30_000 });
    await dialDeaf(port);
    clock.advance(30_000);
    clock.advance(60_000);
    expect(routes.count).toBe(1);
    clock.advance(30_000);
    await eventually('cut', () => routes.count === 0);
  });
});

describe('closing', () => {
  test('tells clients 1001, waits for them and refuses new ones', async () => {
    const { url, routes } = await open();
    const client = await dial(`${url}/stream`);
    const closed = closeOf(client);
    await routes.close();
    expect(await closed).toEqual({ code: 1001, reason: 'server is going away' });
    expect(routes.count).toBe(0);
    expect((await refusal(`${url}/stream`)).status).toBe(503);
  });

  test('cuts clients that do not answer within closeTimeoutMs', async () => {
    const { port, routes } = await open({ closeTimeoutMs: 50 });
    await dialDeaf(port);
    await routes.close();
    expect(routes.count).toBe(0);
  });

  test('from the server carries code and reason, once', async () => {
    const { url, connections } = await open();
    const client = await dial(`${url}/stream`);
    const codes: number[] = [];
    connections[0]?.onClose((code) => codes.push(code));
    connections[0]?.close(4001, 'because');
    connections[0]?.close(4002, 'too late');
    expect(connections[0]?.sendText('after')).toBe(false);
    expect(await closeOf(client)).toEqual({ code: 4001, reason: 'because' });
    await eventually('told', () => codes.length === 1);
    connections[0]?.onClose((code) => codes.push(code));
    expect(codes).toEqual([4001, 4001]);
  });

  test('from the client frees its place', async () => {
    const { url, connections, routes } = await open();
    const client = await dial(`${url}/stream`);
    client.close(1000);
    await eventually('gone', () => routes.count === 0);
    expect(connections[0]?.isOpen).toBe(false);
  });
});
