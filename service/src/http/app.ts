/**
 * The Koa app every server starts from: faults become {error, message}, CORS is open, requests are measured.
 * With its listener: header and time limits against slow clients, and a close that drains.
 * Not for routes: XRPC methods mount with xrpc/route, pages and plain paths with http/router.
 * Source: ours; CORS answers as the reference PDS gives them.
 */
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import Koa from 'koa';
import { AssertionFailure } from '@dunlin/protocol/base/assert';
import { systemClock, type Clock } from '@dunlin/protocol/base/clock';
import { throwAtProcess } from '../lifecycle/throw-at-process.ts';
import type { Logger } from '../log/logger.ts';
import type { Metrics } from '../metrics/registry.ts';
import { answerClientErrors } from './client-error.ts';
import { cors } from './cors.ts';
import { toFault } from './faults.ts';
import { createServer } from './node-http.ts';
import { BodyWatch, type LongBodyRule } from './slow-bodies.ts';

/** The app that routes are mounted on. */
export type App = Koa;

/** One request on its way through the app. `state.route` names the route for metrics: a small closed set. */
export type Context = Koa.Context;

/** Parts an app needs. */
export interface AppOptions {
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Value of the Server header, such as 'dunlin-pds/0.1.0'. */
  readonly serverName: string;
  readonly clock?: Clock;
  /** Gives a page in the place of {error, message}, for whoever would rather have HTML; never for methods under /xrpc/. */
  readonly faultPage?: (fault: ShownFault) => { readonly html: string; readonly headers: Readonly<Record<string, string>> };
  /** Told of a failed assertion after the caller got its 500; by default it is thrown at the process, which drains and exits. */
  readonly onAssertionFailure?: (failure: AssertionFailure) => void;
}

/** What a page of a fault may show. */
export interface ShownFault {
  readonly status: number;
  readonly message: string;
}

/** Makes the app with its outermost layers. */
export function createApp(o: AppOptions): App {
  const clock = o.clock ?? systemClock;
  const seconds = o.metrics.histogram({ name: 'http_request_seconds', help: 'Time until the head of the answer was ready.', labels: ['route', 'status'] });
  const onAssertionFailure = o.onAssertionFailure ?? throwAtProcess;
  const app = new Koa();
  app.on('error', (error: unknown) => o.log.debug({ err: error }, 'answer was cut short'));
  app.use(async (context, next) => {
    const startMs = clock.elapsedMs();
    context.set('server', o.serverName);
    try {
      await next();
      if (context.status === 404 && context.body === undefined && context.respond !== false) answerFault(context, notFound(context), o.faultPage);
    } catch (thrown) {
      const fault = toFault(thrown);
      if (fault.isUnexpected) o.log.error({ err: thrown, route: routeOf(context) }, 'request failed');
      answerFault(context, fault, o.faultPage);
      if (thrown instanceof AssertionFailure) onAssertionFailure(thrown);
    } finally {
      seconds.observe({ route: routeOf(context), status: String(context.status) }, (clock.elapsedMs() - startMs) / 1_000);
    }
    sendStream(app, context);
  });
  app.use(cors);
  return app;
}

/** Sends a body that is a stream. Koa would first ask whether it is a Response, and so load the copy of undici inside Node: 4 MB. */
function sendStream(app: App, context: Context): void {
  const { body, res } = context;
  if (!(body instanceof Readable) || context.respond === false || context.method === 'HEAD' || !context.writable) return;
  context.respond = false;
  pipeline(body, res, (error) => {
    if (error) app.emit('error', error, context);
  });
}

function routeOf(context: Context): string {
  const route: unknown = context.state['route'];
  return typeof route === 'string' ? route : 'other';
}

function notFound(context: Context): { status: number; error: string; message: string; headers: Record<string, string> } {
  return { status: 404, error: 'NotFound', message: `nothing is here: ${context.method} ${context.path.slice(0, 200)}`, headers: {} };
}

function answerFault(context: Context, fault: { status: number; error: string; message: string; headers: Readonly<Record<string, string>> }, faultPage: AppOptions['faultPage']): void {
  if (context.headerSent) {
    context.res.destroy();
    return;
  }
  context.status = fault.status;
  context.set({ ...fault.headers });
  if (faultPage === undefined || context.path.startsWith('/xrpc/')) {
    context.body = { error: fault.error, message: fault.message };
    return;
  }
  context.vary('accept');
  if (context.accepts('json', 'html') !== 'html') {
    context.body = { error: fault.error, message: fault.message };
    return;
  }
  const { html, headers } = faultPage(fault);
  context.set({ ...headers });
  context.remove('content-disposition');
  context.type = 'text/html; charset=utf-8';
  context.body = html;
}

/** Time for a whole request, in ms, unless told otherwise. */
const requestTimeoutMs = 300_000;

/** Bounds of a listener; each has a default. */
export interface ListenOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly clock?: Clock;
  /** Time for the whole head of a request, in ms. */
  readonly headersTimeoutMs?: number;
  /** Time for a whole request with its body, in ms. */
  readonly requestTimeoutMs?: number;
  /** Bounds of bodies that a route lets take longer; without it none may. */
  readonly longBodies?: LongBodyRule;
  /** A socket on which nothing moves for so long is closed, in ms; WebSockets have their own rule. */
  readonly idleTimeoutMs?: number;
  /** Largest head of a request, in bytes. */
  readonly maxHeaderBytes?: number;
  /** Most open sockets; more are refused. */
  readonly maxConnections?: number;
  /** How long close() lets requests finish, in ms. */
  readonly drainMs?: number;
}

/** A listening server. */
export interface HttpServer {
  readonly server: Server;
  readonly port: number;
  /** Base URL, such as http://127.0.0.1:2583. */
  readonly url: string;
  /** Stops listening, lets requests finish within drainMs, then cuts what is left. */
  close(): Promise<void>;
}

/** Bounds of a server, whoever gives it its sockets. */
export type ServerBounds = Pick<ListenOptions, 'headersTimeoutMs' | 'requestTimeoutMs' | 'idleTimeoutMs' | 'maxHeaderBytes' | 'maxConnections'>;

/** Makes the server of an app; it does not listen. */
export function makeServer(app: App, o: ServerBounds): Server {
  const server = createServer({
    headersTimeout: o.headersTimeoutMs ?? 10_000,
    requestTimeout: o.requestTimeoutMs ?? requestTimeoutMs,
    keepAliveTimeout: 70_000,
    maxHeaderSize: o.maxHeaderBytes ?? 16_384,
    connectionsCheckingInterval: 1_000,
    // Other upgrades (h2c) are offers that may be passed over: such a request is answered as if it had not asked.
    shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket',
  }, app.callback());
  server.maxConnections = o.maxConnections ?? 20_000;
  server.timeout = o.idleTimeoutMs ?? 120_000;
  answerClientErrors(server);
  return server;
}

/** Listens and resolves when the port is open. */
export async function listen(app: App, o: ListenOptions): Promise<HttpServer> {
  // Node's own time is for all requests: where some may take longer, the others are watched by us.
  const server = makeServer(app, { ...o, ...(o.longBodies && { requestTimeoutMs: o.longBodies.maxMs }) });
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const answers = new Set<ServerResponse>();
  const clock = o.clock ?? systemClock;
  const watch = o.longBodies && new BodyWatch({ server, clock, requestTimeoutMs: o.requestTimeoutMs ?? requestTimeoutMs, rule: o.longBodies, answers });
  server.on('request', (_request, response) => {
    answers.add(response);
    response.once('close', () => {
      answers.delete(response);
      watch?.answered(response);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(o.port, o.host, () => resolve());
  });
  const { port } = server.address() as AddressInfo;
  const shownHost = o.host === '0.0.0.0' || o.host === '::' ? 'localhost' : o.host;
  let closing: Promise<void> | null = null;
  return {
    server,
    port,
    url: `http://${shownHost.includes(':') ? `[${shownHost}]` : shownHost}:${port}`,
    close: () => (closing ??= drain({ server, sockets, answers }, clock, o.drainMs ?? 5_000)),
  };
}

interface OpenParts {
  readonly server: Server;
  readonly sockets: ReadonlySet<Socket>;
  /** Answers that are not complete yet. */
  readonly answers: ReadonlySet<ServerResponse>;
}

function drain({ server, sockets, answers }: OpenParts, clock: Clock, drainMs: number): Promise<void> {
  return new Promise((resolve) => {
    const deadline = clock.after(drainMs, () => {
      for (const socket of sockets) socket.destroy();
    });
    server.close(() => {
      deadline.cancel();
      resolve();
    });
    server.closeIdleConnections();
    // Node counts a connection on which nothing was ever sent as busy; clients open such ones to have them at hand.
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
    // A connection that is busy now is closed behind its answer.
    const endAfter = (response: ServerResponse): void => {
      if (!response.headersSent) response.setHeader('connection', 'close');
      response.once('close', () => setImmediate(() => server.closeIdleConnections()));
    };
    for (const response of answers) endAfter(response);
    server.prependListener('request', (_request, response) => endAfter(response));
  });
}
