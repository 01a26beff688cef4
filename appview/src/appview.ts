/**
 * The wiring of the app view, in the order of the flow: stream, index, changes, rooms and counts, sockets and queries.
 * Not for anybody but main.ts, cli/ and tests.
 * Takes settings. Gives a running service that owns everything it opened.
 * Source: ours, see docs/flow.md hops 9 to 13.
 */
import { resolveTxt } from 'node:dns/promises';
import { join } from 'node:path';
import { systemClock, type Clock } from '@dunlin/protocol/base/clock';
import { createIdentityResolver, type IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { ConfigError, type Environment } from '@dunlin/service/config/env';
import { lockFolder } from '@dunlin/service/sqlite/folder-lock';
import { version } from '@dunlin/service/config/version';
import { limitKey } from '@dunlin/service/http/client-address';
import { RateLimiter } from '@dunlin/service/http/rate-limit';
import { createApp, listen, type App, type HttpServer } from '@dunlin/service/http/app';
import { createGuardedFetch } from '@dunlin/service/http/guarded-fetch';
import { mountHealth } from '@dunlin/service/http/health';
import { startMetricsListener } from '@dunlin/service/http/metrics-listener';
import { createRouter, mountRouter } from '@dunlin/service/http/router';
import { Lifecycle, type RunningService } from '@dunlin/service/lifecycle/service';
import { createLogger, type Logger } from '@dunlin/service/log/logger';
import { createMetrics, type Metrics } from '@dunlin/service/metrics/registry';
import { createWebSocketServer } from '@dunlin/service/websocket/server';
import { loadLexicons } from '@dunlin/service/xrpc/lexicons';
import { mountXrpc } from '@dunlin/service/xrpc/route';
import { serveDidDocument, ServiceIdentity } from './api/did-document.ts';
import { eventStreams } from './api/events.ts';
import { queryRoutes } from './api/index.ts';
import { servePage } from './api/page.ts';
import { serveSubscribe } from './api/subscribe.ts';
import { readAppviewConfig, readSourcesFile, type AppviewConfig } from './config.ts';
import { ChangeFeed } from './index/changes.ts';
import { HandleCheck } from './index/handles.ts';
import { Indexer } from './index/indexer.ts';
import { createRecordLexicon } from './index/record-lexicon.ts';
import { startIngest } from './ingest/ingest.ts';
import { declareAppviewGauges, declareAppviewMetrics, type AppviewMetrics } from './metrics.ts';
import { LiveCounts } from './reactions/live-counts.ts';
import { mergeSources, type ReactionSource } from './reactions/sources.ts';
import { Gateway } from './rooms/gateway.ts';
import { Lobby } from './rooms/lobby.ts';
import { sessionLimits } from './rooms/session.ts';
import { TokenCheck } from './rooms/token-check.ts';
import { IndexStore } from './store/index-store.ts';
import { countsView } from './views/counts-view.ts';

/** Settings of an app view; those left out are the defaults. */
export type AppviewOptions = Partial<AppviewConfig>;

/** What tests may put in place of the real thing. */
export interface AppviewDependencies {
  readonly clock?: Clock;
  readonly log?: Logger;
  readonly resolver?: IdentityResolver;
}

/** An app view that is up. */
export interface RunningAppview extends RunningService {
  /** DID of this service; with #dunlin_live behind it, what rooms name as their gateway. */
  readonly did: string;
  readonly ready: { readonly ready: 'appview'; readonly url: string; readonly version: string };
}

/** Queries of one address (IPv6: one /64). */
const queryLimit = { points: 6_000, windowMs: 60_000 };

const pageFolder = join(import.meta.dirname, '../web/dist/');

/** Starts the app view; everything opened is closed again when the start fails. @throws ConfigError */
export async function startAppview(options: AppviewOptions = {}, dependencies: AppviewDependencies = {}): Promise<RunningAppview> {
  const config = { ...readAppviewConfig(noEnvironment), ...options };
  const log = dependencies.log ?? createLogger('appview');
  const lifecycle = new Lifecycle(log);
  try {
    return await start(config, { clock: systemClock, ...dependencies, log }, lifecycle);
  } catch (error) {
    await lifecycle.close();
    throw error;
  }
}

const noEnvironment: Environment = {};

async function start(config: AppviewConfig, o: AppviewDependencies & { clock: Clock; log: Logger }, lifecycle: Lifecycle): Promise<RunningAppview> {
  const { clock, log } = o;
  const operator = readSourcesFile(config.sourcesFile);
  if (operator.faults.length > 0) throw new ConfigError('appview', operator.faults);
  const sources = mergeSources(operator.sources);
  const metrics = createMetrics('appview');
  lifecycle.own('metrics', () => metrics.close());
  const counters = declareAppviewMetrics(metrics);
  const resolver = o.resolver ?? openResolver(config, clock, lifecycle);
  const { store, indexer, feed } = openIndex(config, { sources, clock, counters, lifecycle });

  const identity = new ServiceIdentity(config);
  const live = openLive({ store, feed, resolver, identity, clock, counters });
  const app = createApp({ log, metrics, serverName: `dunlin-appview/${version}`, clock });
  mount(app, { config, identity, store, sources, resolver, metrics, ...live, clock });
  const http = await listen(app, { host: config.host, port: config.port, clock });
  lifecycle.own('http', () => http.close());
  identity.listensOn(http.port);
  if (config.metricsListen !== null) {
    const listener = await startMetricsListener({ ...config.metricsListen, metrics, log });
    lifecycle.own('metrics listener', () => listener.close());
  }
  openGateway(http, { config, gateway: live.gateway, log, clock, lifecycle });
  lifecycle.own('live', () => live.close());

  const handles = new HandleCheck({
    accounts: store.accounts, resolver, clock, signal: lifecycle.signal,
    apply: (person, handle) => indexer.applyHandle(person, handle),
    onOutcome: (outcome) => counters.handles.inc({ outcome }),
  });
  const ingest = startIngest({
    service: config.relayUrl, verify: config.verify, indexer, store, resolver, clock, log, counters, onFatal,
    onWritten: () => handles.poke(),
  });
  lifecycle.own('ingest', () => ingest.close());
  handles.poke();
  declareAppviewGauges(metrics, {
    sessions: () => live.gateway.size,
    streams: () => live.streams.size,
    rooms: () => live.lobby.size,
    trackedSubjects: () => live.counts.size,
    cursor: () => store.cursor(config.relayUrl) ?? 0,
  });
  log.info({ url: http.url, did: identity.did, relay: config.relayUrl, cursor: store.cursor(config.relayUrl) }, 'listening');
  return { url: http.url, did: identity.did, ready: { ready: 'appview', url: http.url, version }, close: () => lifecycle.close() };
}

/** A stream that cannot go on is our own fault: the process drains and says so, rather than serve an index that stands still. */
function onFatal(error: unknown): void {
  queueMicrotask(() => { throw error; });
}

function openResolver(config: AppviewConfig, clock: Clock, lifecycle: Lifecycle): IdentityResolver {
  // The directory is the operator's choice and may be private; every other address is somebody else's.
  const [guarded, open] = [config.isDevMode, true].map((allowPrivate) => createGuardedFetch({ allowPrivate, maxBytes: 1_048_576, timeoutMs: 5_000, clock }));
  lifecycle.own('fetch', async () => void (await Promise.all([guarded.close(), open.close()])));
  const fetch: typeof globalThis.fetch = (input, init) => (String(input).startsWith(`${config.plcUrl}/`) ? open : guarded)(input, init);
  return createIdentityResolver({ plcUrl: config.plcUrl, fetch, resolveTxt, clock, allowInsecure: config.isDevMode });
}

function openIndex(config: AppviewConfig, o: { sources: readonly ReactionSource[]; clock: Clock; counters: AppviewMetrics; lifecycle: Lifecycle }) {
  const path = config.dataDirectory === ':memory:' ? ':memory:' : join(config.dataDirectory, 'index.sqlite');
  if (path !== ':memory:') {
    const lock = lockFolder(config.dataDirectory);
    o.lifecycle.own('folder lock', () => lock.release());
  }
  const store = new IndexStore(path, o.sources);
  o.lifecycle.own('index', () => store.close());
  const feed = new ChangeFeed();
  const indexer = new Indexer({
    store, feed, sources: o.sources,
    lexicon: createRecordLexicon(loadLexicons()),
    nowMs: () => o.clock.nowMs(),
    onRecord: (outcome) => o.counters.records.inc({ outcome }),
    onOldCommit: () => o.counters.oldCommits.inc(),
  });
  return { store, feed, indexer };
}

function openLive(o: { store: IndexStore; feed: ChangeFeed; resolver: IdentityResolver; identity: ServiceIdentity; clock: Clock; counters: AppviewMetrics }) {
  const { store, clock, counters, identity } = o;
  const tokens = new TokenCheck({ audience: () => identity.did, resolver: o.resolver, clock });
  const counts = new LiveCounts({ clock, read: (subject) => countsView(subject, store.version, store.reactions.count(subject)) });
  const lobby = new Lobby({ store, clock, onQuiet: (why) => counters.quiet.inc({ why }) });
  const gateway = new Gateway({
    store, lobby, counts, tokens, clock,
    lexicons: loadLexicons(),
    gatewayId: () => identity.gatewayId,
    onBye: (reason) => counters.byes.inc({ reason }),
  });
  const streams = eventStreams({ counts, clock, maxStreams: 10_000 });
  o.feed.listen((changes) => gateway.changed(changes));
  const close = (): void => {
    streams.close();
    gateway.close();
    counts.close();
  };
  return { tokens, counts, lobby, gateway, streams, close };
}

type MountParts = Omit<ReturnType<typeof openLive>, 'close'> & {
  config: AppviewConfig; identity: ServiceIdentity; store: IndexStore; sources: readonly ReactionSource[];
  resolver: IdentityResolver; metrics: Metrics; clock: Clock;
};

function mount(app: App, o: MountParts): void {
  const { config } = o;
  mountHealth(app, () => void o.store.cursor(config.relayUrl));
  mountXrpc(app, [...queryRoutes(o), o.streams.route], {
    lexicons: loadLexicons(),
    metrics: o.metrics,
    rateLimit: [{ limiter: new RateLimiter({ ...queryLimit, clock: o.clock }), key: ({ ip }) => limitKey(ip) }],
  });
  const router = createRouter();
  serveDidDocument(router, o.identity);
  servePage(router, { folder: config.pageFolder ?? pageFolder, demoPath: config.demoFile });
  mountRouter(app, router);
}

function openGateway(http: HttpServer, o: { config: AppviewConfig; gateway: Gateway; log: Logger; clock: Clock; lifecycle: Lifecycle }): void {
  const websocket = createWebSocketServer(http, {
    log: o.log,
    clock: o.clock,
    maxPayloadBytes: sessionLimits.maxFrameBytes,
    maxConnections: o.config.maxConnections,
    maxConnectionsPerAddress: o.config.maxConnectionsPerAddress,
    maxMessagesPerSecond: 200,
  });
  o.lifecycle.own('websocket', () => websocket.close());
  serveSubscribe(websocket, o.gateway);
}
