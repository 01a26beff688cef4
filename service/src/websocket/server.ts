/**
 * WebSocket endpoints beside the HTTP routes of a server: path table, checks before the upgrade, limits, liveness.
 * A refusal before the upgrade is an HTTP answer with {error, message}; a plain GET on such a path is told 426.
 * Not for what is said on a connection (connection.ts and its users). Source: RFC 6455; limits are ours.
 */
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { assert } from '@dunlin/protocol/base/assert';
import { systemClock, type Clock } from '@dunlin/protocol/base/clock';
import { closeCodes } from '@dunlin/protocol/stream/close-codes';
import { clientAddress, limitKey } from '../http/client-address.ts';
import { toFault } from '../http/faults.ts';
import { statusTexts } from '../http/node-http.ts';
import { takeUpgrade, type HandedConnection } from '../http/hand-over.ts';
import type { Logger } from '../log/logger.ts';
import { methodNotImplemented, XrpcError } from '../xrpc/errors.ts';
import { WebSocketConnection } from './connection.ts';

/** What is known of a client before and after the upgrade. */
export interface WebSocketRequest {
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly ip: string;
}

/** Choices for one path. */
export interface WebSocketRouteOptions {
  /** Runs before the upgrade; what it throws becomes the HTTP answer. */
  readonly before?: (request: WebSocketRequest) => void | Promise<void>;
  /** Sub-protocols this path speaks, best first; without one in common none is chosen. */
  readonly protocols?: readonly string[];
  /** Largest message from a client on this path, in bytes; default the server's. */
  readonly maxPayloadBytes?: number;
}

/** Bounds of a WebSocket server; each but the log has a default. */
export interface WebSocketServerOptions {
  readonly log: Logger;
  readonly clock?: Clock;
  /** Largest message from a client, in bytes; default 65,536. A larger one closes with 1009. */
  readonly maxPayloadBytes?: number;
  /** Most connections of one address (IPv6: one /64); default 100. */
  readonly maxConnectionsPerAddress?: number;
  /** Most connections in all; default 10,000. */
  readonly maxConnections?: number;
  /** Default 8 MiB. */
  readonly maxBufferedBytes?: number;
  /** Default 50. */
  readonly maxMessagesPerSecond?: number;
  /** Length of a liveness round, in ms; default 30,000. */
  readonly pingMs?: number;
  /** How long a client may take to answer a close, in ms; default 5,000. */
  readonly closeTimeoutMs?: number;
}

/** The endpoints of one server. */
export interface WebSocketRoutes {
  /** Serves a path. */
  route(path: string, accept: (connection: WebSocketConnection, request: WebSocketRequest) => void, o?: WebSocketRouteOptions): void;
  /**
   * Lets another process serve a path: `take` gets each connection before its upgrade, counted here like any other until
   * `release` is called. What `take` throws becomes the HTTP answer.
   */
  handOver(path: string, take: (connection: HandedConnection, release: () => void) => void): void;
  /** Connections open now, those that were given away included. */
  readonly count: number;
  /** Refuses new connections, closes the open ones with 1001 and resolves when they are gone; not those that were given away. */
  close(): Promise<void>;
}

interface Route extends WebSocketRouteOptions {
  readonly kind: 'served';
  readonly accept: (connection: WebSocketConnection, request: WebSocketRequest) => void;
}

interface HandedRoute {
  readonly kind: 'handed';
  readonly take: (connection: HandedConnection, release: () => void) => void;
}

/** Adds WebSocket endpoints to a listening server (an `HttpServer` of http/app, or node's own). */
export function createWebSocketServer(httpServer: { readonly server: Server }, o: WebSocketServerOptions): WebSocketRoutes {
  return new WebSocketEndpoints(httpServer.server, o);
}

class WebSocketEndpoints implements WebSocketRoutes {
  readonly #o: WebSocketServerOptions;
  readonly #clock: Clock;
  readonly #routes = new Map<string, Route | HandedRoute>();
  readonly #routeOf = new WeakMap<IncomingMessage, Route>();
  readonly #connections = new Set<WebSocketConnection>();
  readonly #perAddress = new Map<string, number>();
  #count = 0;
  /** One for each bound of messages: `ws` knows that bound by server only. */
  readonly #handshakers = new Map<number, WebSocketServer>();
  readonly #beat: { cancel(): void };
  #whenEmpty: (() => void) | null = null;
  #isClosing = false;

  constructor(server: Server, o: WebSocketServerOptions) {
    this.#o = o;
    this.#clock = o.clock ?? systemClock;
    this.#beat = this.#clock.every(o.pingMs ?? 30_000, () => {
      for (const connection of this.#connections) connection.beat();
    }, { unref: true });
    server.on('upgrade', (request, socket, head) => void this.#upgrade(request, socket, head));
    this.#answerPlainRequests(server);
  }

  get count(): number {
    return this.#count;
  }

  route(path: string, accept: Route['accept'], o: WebSocketRouteOptions = {}): void {
    this.#mount(path, { ...o, kind: 'served', accept });
  }

  handOver(path: string, take: HandedRoute['take']): void {
    this.#mount(path, { kind: 'handed', take });
  }

  close(): Promise<void> {
    this.#isClosing = true;
    this.#beat.cancel();
    for (const connection of this.#connections) connection.close(closeCodes.goingAway, 'server is going away');
    if (this.#connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => void (this.#whenEmpty = resolve));
  }

  #mount(path: string, route: Route | HandedRoute): void {
    assert(!this.#routes.has(path), `websocket path is mounted twice: path=${path}`);
    this.#routes.set(path, route);
  }

  #handshakerFor(maxPayload: number): WebSocketServer {
    let handshaker = this.#handshakers.get(maxPayload);
    if (handshaker === undefined) {
      // closeTimeout is an option of ws that its types do not list yet.
      const settings = { noServer: true, clientTracking: false, perMessageDeflate: false, autoPong: false, maxPayload, closeTimeout: this.#o.closeTimeoutMs ?? 5_000 };
      handshaker = new WebSocketServer({
        ...settings,
        handleProtocols: (offered, request) => this.#routeOf.get(request)?.protocols?.find((each) => offered.has(each)) ?? false,
      });
      handshaker.on('wsClientError', (error, socket) => refuse(socket, new XrpcError(400, 'InvalidRequest', error.message)));
      this.#handshakers.set(maxPayload, handshaker);
    }
    return handshaker;
  }

  async #upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    // Without a listener a reset during the handshake would end the process.
    socket.on('error', destroySelf);
    const ip = clientAddress(incoming);
    try {
      const url = parseTarget(incoming);
      const route = this.#routes.get(url.pathname);
      if (route === undefined) throw url.pathname.startsWith('/xrpc/') ? methodNotImplemented() : new XrpcError(404, 'NotFound', 'no websocket is here');
      const request = { url, headers: incoming.headers, ip };
      this.#checkRoom(ip);
      if (route.kind === 'handed') return this.#give(route, incoming, socket, head);
      await route.before?.(request);
      this.#checkRoom(ip);
      this.#routeOf.set(incoming, route);
      this.#handshakerFor(route.maxPayloadBytes ?? this.#o.maxPayloadBytes ?? 65_536).handleUpgrade(incoming, socket, head, (webSocket) => {
        assert(socket instanceof Socket, 'upgraded socket is a TCP socket');
        const limits = { maxBufferedBytes: this.#o.maxBufferedBytes ?? 8_388_608, maxMessagesPerSecond: this.#o.maxMessagesPerSecond ?? 50 };
        const connection = new WebSocketConnection(webSocket, socket, ip, limits, () => this.#clock.elapsedMs());
        this.#add(connection);
        route.accept(connection, request);
      });
    } catch (error) {
      if (toFault(error).isUnexpected) this.#o.log.error({ err: error }, 'websocket handshake failed');
      refuse(socket, error);
    }
  }

  #give(route: HandedRoute, incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    assert(socket instanceof Socket, 'upgraded socket is a TCP socket');
    const release = this.#hold(clientAddress(incoming));
    try {
      route.take(takeUpgrade(incoming, socket, head), release);
    } catch (error) {
      release();
      throw error;
    }
  }

  #checkRoom(ip: string): void {
    if (this.#isClosing) throw new XrpcError(503, 'ServiceUnavailable', 'server is going away', { 'retry-after': '5' });
    if (this.#count >= (this.#o.maxConnections ?? 10_000)) throw new XrpcError(503, 'ServiceUnavailable', 'too many connections', { 'retry-after': '30' });
    if ((this.#perAddress.get(limitKey(ip)) ?? 0) >= (this.#o.maxConnectionsPerAddress ?? 100)) {
      throw new XrpcError(429, 'RateLimitExceeded', 'too many connections from this address', { 'retry-after': '30' });
    }
  }

  #add(connection: WebSocketConnection): void {
    const release = this.#hold(connection.ip);
    this.#connections.add(connection);
    connection.onClose(() => {
      this.#connections.delete(connection);
      release();
      if (this.#connections.size === 0) this.#whenEmpty?.();
    });
  }

  /** Counts a connection; gives what ends that, to be called once. */
  #hold(ip: string): () => void {
    const key = limitKey(ip);
    this.#count += 1;
    this.#perAddress.set(key, (this.#perAddress.get(key) ?? 0) + 1);
    return () => {
      this.#count -= 1;
      const left = (this.#perAddress.get(key) ?? 1) - 1;
      if (left > 0) this.#perAddress.set(key, left);
      else this.#perAddress.delete(key);
    };
  }

  /** Puts itself before the server's request listeners: they never see plain requests for a WebSocket's path. */
  #answerPlainRequests(server: Server): void {
    const others = server.listeners('request');
    server.removeAllListeners('request');
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const isOurs = request.method !== 'OPTIONS' && this.#routes.has((request.url ?? '').split('?', 1)[0] ?? '');
      if (isOurs) answerPlain(response);
      else for (const other of others) other.call(server, request, response);
    });
  }
}

/** Not a closure, which would keep the whole handshake alive as long as the socket. */
function destroySelf(this: Duplex): void {
  this.destroy();
}

function parseTarget(request: IncomingMessage): URL {
  const target = request.url ?? '/';
  if (!target.startsWith('/') || !URL.canParse(target, 'http://localhost')) throw new XrpcError(400, 'InvalidRequest', 'request target is not a path');
  return new URL(target, 'http://localhost');
}

function answerPlain(response: ServerResponse): void {
  response.writeHead(426, { 'content-type': 'application/json; charset=utf-8', 'access-control-allow-origin': '*', upgrade: 'websocket', connection: 'Upgrade' });
  response.end(JSON.stringify({ error: 'UpgradeRequired', message: 'this is a WebSocket: connect with ws:// or wss://' }));
}

/** Writes an HTTP answer on a socket that was asking for an upgrade, and ends it. */
function refuse(socket: Duplex, thrown: unknown): void {
  const fault = toFault(thrown);
  const body = JSON.stringify({ error: fault.error, message: fault.message });
  const headers = { 'content-type': 'application/json; charset=utf-8', 'content-length': String(Buffer.byteLength(body)), 'access-control-allow-origin': '*', connection: 'close', ...fault.headers };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value.replace(/[\r\n]/g, ' ')}\r\n`).join('');
  socket.once('finish', () => socket.destroy());
  socket.end(`HTTP/1.1 ${fault.status} ${statusTexts[fault.status] ?? ''}\r\n${lines}\r\n${body}`);
}
