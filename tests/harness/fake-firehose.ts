/**
 * A stream server on a real socket for tests: replays a log of frames by the cursor rules, or does whatever a test
 * tells it, bad manners included.
 * Not for: production; the real one is service/src/firehose.
 * Place in the flow: stands in for a PDS or relay before `Subscription` and everything behind it.
 * Source: AT Protocol specification, "Event Stream".
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';

/** One frame of the log; `seq` decides who gets it. */
export interface LoggedFrame {
  seq: number;
  bytes: Uint8Array;
}

/** An answer in plain HTTP in place of the handshake. */
export interface Refusal {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

/** One client as the server sees it. */
export class FakeConnection {
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly socket: WebSocket;
  /** Resolves with the close code when the connection is gone. */
  readonly closed: Promise<number>;

  constructor(url: URL, headers: IncomingHttpHeaders, socket: WebSocket) {
    this.url = url;
    this.headers = headers;
    this.socket = socket;
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.on('close', (code) => resolve(code)));
  }

  /** The cursor parameter, null when there was none. */
  get cursor(): number | null {
    const text = this.url.searchParams.get('cursor');
    return text === null ? null : Number(text);
  }

  send(bytes: Uint8Array): void {
    this.socket.send(bytes, { binary: true });
  }

  sendText(text: string): void {
    this.socket.send(text, { binary: false });
  }

  /** Writes bytes as they are onto the TCP connection. */
  sendRaw(bytes: Uint8Array): void {
    (this.socket as unknown as { _socket: { write(bytes: Uint8Array): void } })._socket.write(bytes);
  }

  close(code = 1000, reason = ''): void {
    this.socket.close(code, reason);
  }

  /** Cuts the TCP connection without a close frame. */
  terminate(): void {
    this.socket.terminate();
  }
}

/** The server; `log` and `behaviour` may be changed while it runs. */
export class FakeFirehose {
  /** Sent to whoever connects, from after their cursor; without a cursor only what is appended later. */
  readonly log: LoggedFrame[] = [];
  /** Every connection so far, oldest first. */
  readonly connections: FakeConnection[] = [];
  /** Takes over what happens to a new connection; null: replay the log. */
  behaviour: ((connection: FakeConnection) => void) | null = null;
  /** Answers handshakes in plain HTTP while it is set. */
  refusal: Refusal | null = null;
  readonly #http: Server;
  readonly #sockets: WebSocketServer;
  readonly #waiting: { count: number; resolve: (connection: FakeConnection) => void }[] = [];

  private constructor(autoPong: boolean) {
    this.#http = createServer((_request, response) => response.writeHead(426).end());
    this.#sockets = new WebSocketServer({ noServer: true, autoPong, perMessageDeflate: true });
    this.#http.on('upgrade', (request, socket, head) => {
      socket.on('error', () => undefined);
      if (this.refusal) {
        const { status, headers = {}, body = '' } = this.refusal;
        const lines = Object.entries({ 'Content-Length': String(Buffer.byteLength(body)), Connection: 'close', ...headers });
        socket.end(`HTTP/1.1 ${status} Refused\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`);
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
        this.#accept(new FakeConnection(new URL(request.url ?? '/', this.url), request.headers, webSocket));
      });
    });
  }

  /** Starts on any free port of the loopback. `autoPong: false` makes a server that never answers pings. */
  static async start(options: { autoPong?: boolean } = {}): Promise<FakeFirehose> {
    const server = new FakeFirehose(options.autoPong ?? true);
    server.#http.listen(0, '127.0.0.1');
    await once(server.#http, 'listening');
    return server;
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** Gives the n-th connection (1 = first ever), waiting for it when it is yet to come. */
  connection(count: number): Promise<FakeConnection> {
    const there = this.connections[count - 1];
    return there ? Promise.resolve(there) : new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }

  /** Adds to the log and sends to everyone connected. */
  append(...frames: LoggedFrame[]): void {
    this.log.push(...frames);
    for (const connection of this.connections) {
      if (connection.socket.readyState === connection.socket.OPEN) for (const frame of frames) connection.send(frame.bytes);
    }
  }

  async close(): Promise<void> {
    for (const connection of this.connections) connection.terminate();
    this.#sockets.close();
    this.#http.closeAllConnections();
    await new Promise<void>((resolve) => this.#http.close(() => resolve()));
  }

  #accept(connection: FakeConnection): void {
    this.connections.push(connection);
    if (this.behaviour) this.behaviour(connection);
    else if (connection.cursor !== null) {
      const after = connection.cursor;
      for (const frame of this.log) if (frame.seq > after) connection.send(frame.bytes);
    }
    for (const waiting of this.#waiting.filter((each) => each.count === this.connections.length)) waiting.resolve(connection);
  }
}
