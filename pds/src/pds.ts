/**
 * The wiring of the PDS, in the order a record goes: database, stores, writes and their events, accounts, methods, listener,
 * subscribers, relays. Each function opens one stage and gives the next what it needs.
 * Not for anybody but main.ts, cli/ and tests.
 * Source: ours.
 */
import { closeSync, openSync } from 'node:fs';
import { resolveTxt as systemResolveTxt } from 'node:dns/promises';
import { join } from 'node:path';
import { systemClock, type Clock } from '@dunlin/protocol/base/clock';
import { createIdentityResolver } from '@dunlin/protocol/identity/resolver';
import { TidClock } from '@dunlin/protocol/repo/tid';
import { version } from '@dunlin/service/config/version';
import { Outbox } from '@dunlin/service/firehose/outbox';
import { serveSubscribeRepos } from '@dunlin/service/firehose/subscribe';
import { createApp, listen, type HttpServer } from '@dunlin/service/http/app';
import { createGuardedFetch } from '@dunlin/service/http/guarded-fetch';
import { mountHealth } from '@dunlin/service/http/health';
import { startMetricsListener } from '@dunlin/service/http/metrics-listener';
import { RateLimiter } from '@dunlin/service/http/rate-limit';
import { mountRouter } from '@dunlin/service/http/router';
import { Lifecycle, type RunningService } from '@dunlin/service/lifecycle/service';
import { createLogger, type Logger } from '@dunlin/service/log/logger';
import { createMetrics, type Metrics } from '@dunlin/service/metrics/registry';
import { openDatabase } from '@dunlin/service/sqlite/database';
import { createWebSocketServer } from '@dunlin/service/websocket/server';
import { createAdminAuth } from '@dunlin/service/xrpc/auth';
import { loadLexicons } from '@dunlin/service/xrpc/lexicons';
import { mountXrpc } from '@dunlin/service/xrpc/route';
import { AccountStore } from './account/account-store.ts';
import { PasswordCheck } from './account/password-check.ts';
import { PreferenceStore } from './account/preference-store.ts';
import { RefreshTokenStore } from './account/refresh-token-store.ts';
import { Registrar } from './account/register.ts';
import { accountSchema } from './account/schema.ts';
import { SessionTokens } from './account/session-token.ts';
import { Sessions } from './account/sessions.ts';
import { SigningKeys } from './account/signing-keys.ts';
import { AccountStanding } from './account/standing.ts';
import { Authenticator } from './api/auth.ts';
import { apiRoutes, unknownMethod, type ApiParts } from './api/index.ts';
import { pages } from './api/pages.ts';
import { DocumentView } from './api/server/document-view.ts';
import { BlobFiles } from './blob/blob-files.ts';
import { BlobStore } from './blob/blob-store.ts';
import { BlobCollector } from './blob/collect.ts';
import { blobSchema } from './blob/schema.ts';
import { Turns } from './blob/turns.ts';
import { BlobUploader } from './blob/upload.ts';
import { blobFolders, handleDomains, isLocal, type PdsConfig } from './config.ts';
import { Crawlers } from './crawl/crawlers.ts';
import { DocumentCheck } from './identity/document-check.ts';
import { HandleChange } from './identity/handle-change.ts';
import { HandleChoice } from './identity/handle-choice.ts';
import { PlcClient } from './identity/plc-client.ts';
import { ServerIdentity } from './identity/server-identity.ts';
import { declarePdsMetrics } from './metrics.ts';
import { CommitStore } from './repo/commit-store.ts';
import { RepoExporter } from './repo/export.ts';
import { HeadStore } from './repo/head-store.ts';
import { NodeStore } from './repo/node-store.ts';
import { RecordPreparer } from './repo/prepare.ts';
import { RepoReader } from './repo/read.ts';
import { RecordStore } from './repo/record-store.ts';
import { repoSchema } from './repo/schema.ts';
import { RepoWriter } from './repo/write.ts';
import { loadSecrets, type Secrets } from './secrets.ts';
import { GroupCommit } from './sequencer/group-commit.ts';
import { Retention } from './sequencer/retention.ts';
import { sequencerSchema } from './sequencer/schema.ts';
import { Sequencer } from './sequencer/sequencer.ts';

const migrations = [accountSchema + repoSchema + blobSchema + sequencerSchema];

/** What a caller may put in the place of the machine's own. */
export interface PdsParts {
  readonly clock?: Clock;
  readonly log?: Logger;
  /** For every look-up outside; guarded unless given. */
  readonly fetch?: typeof globalThis.fetch;
  readonly resolveTxt?: (name: string) => Promise<string[][]>;
}

/** A PDS that is up. */
export interface RunningPds extends RunningService {
  readonly ready: { readonly ready: 'pds'; readonly url: string; readonly version: string };
  /** The operator's password, chosen or made. */
  readonly adminPassword: string;
}

/** Starts the PDS; everything opened is closed again when the start fails. */
export async function startPds(config: PdsConfig, parts: PdsParts = {}): Promise<RunningPds> {
  const base = { clock: parts.clock ?? systemClock, log: parts.log ?? createLogger('pds') };
  const lifecycle = new Lifecycle(base.log);
  try {
    const secrets = loadSecrets(config.dataDirectory, config);
    const stage = { ...base, config, lifecycle, secrets, metrics: createMetrics('pds') };
    lifecycle.own('metrics', () => stage.metrics.close());
    const stores = openStores(stage);
    const writes = openWrites(stage, stores);
    const network = openNetwork(stage, stores, parts);
    const people = openAccounts(stage, stores, writes, network);
    const { port } = await serve(stage, apiParts(stage, stores, writes, network, people), stores, writes, network);
    if (config.metricsPort !== null) {
      const listener = await startMetricsListener({ host: config.host, port: config.metricsPort, metrics: stage.metrics, log: base.log });
      lifecycle.own('metrics listener', () => listener.close());
    }
    const url = network.server.publicUrl;
    base.log.info({ url, port, did: network.server.did, accounts: stores.accounts.count() }, 'listening');
    return { url, ready: { ready: 'pds', url, version }, adminPassword: secrets.adminPassword, close: () => lifecycle.close() };
  } catch (error) {
    await lifecycle.close();
    throw error;
  }
}

interface Stage {
  readonly config: PdsConfig;
  readonly clock: Clock;
  readonly log: Logger;
  readonly lifecycle: Lifecycle;
  readonly secrets: Secrets;
  readonly metrics: Metrics;
}

/** The tables, and the files beside them. */
function openStores({ config, lifecycle }: Stage) {
  const path = join(config.dataDirectory, 'pds.sqlite');
  // SQLite gives its side files the mode of the database: signing keys are inside.
  closeSync(openSync(path, 'a', 0o600));
  const database = openDatabase(path, { migrations, pragmas: { cache_size: -64_000, wal_autocheckpoint: 8_000 } });
  lifecycle.own('database', () => void database.close());
  const heads = new HeadStore(database);
  const nodes = new NodeStore(database, { cacheBytes: config.cacheBytes });
  const records = new RecordStore(database);
  const exporter = new RepoExporter(() => openDatabase(path, { migrations, readonly: true }));
  lifecycle.own('exports', () => exporter.close());
  return {
    database, heads, records, exporter,
    accounts: new AccountStore(database),
    refreshTokens: new RefreshTokenStore(database),
    preferences: new PreferenceStore(database),
    commits: new CommitStore(nodes, records),
    repos: new RepoReader(heads, nodes, records),
    blobs: new BlobStore(database),
    files: new BlobFiles(blobFolders(config)),
    turns: new Turns(),
  };
}

type Stores = ReturnType<typeof openStores>;

/** The one writer and the events that follow from it. */
function openWrites({ config, clock, log, lifecycle, metrics }: Stage, stores: Stores) {
  const { database, accounts } = stores;
  const sequencer = new Sequencer(database, clock);
  const observer = declarePdsMetrics(metrics, {
    accounts: () => accounts.count(),
    headSeq: () => sequencer.headSeq(),
    oldestSeq: () => sequencer.oldestSeq(),
  });
  const groups = new GroupCommit({ database, sequencer, clock, observer });
  lifecycle.own('writes', () => groups.drain());
  const outbox = new Outbox(sequencer, { metrics, logger: log, clock });
  const onFault = (fault: unknown): void => log.error({ err: fault }, 'upkeep failed');
  const retention = new Retention({ database, sequencer, groups, clock, windowMs: config.backfillLimitMs });
  const collector = new BlobCollector({ ...stores, groups, clock, graceMs: config.blobGraceMs });
  lifecycle.own('retention', retention.start(onFault));
  lifecycle.own('blob collection', collector.start(onFault));
  const keys = new SigningKeys(accounts);
  const tids = new TidClock(clock);
  const writer = new RepoWriter({ ...stores, groups, sequencer, keys, tids, clock });
  return { sequencer, groups, outbox, keys, writer, preparer: new RecordPreparer(loadLexicons(), () => tids.next()) };
}

type Writes = ReturnType<typeof openWrites>;

/** The network beyond this server: how it is reached, who it is, who we are to it. */
function openNetwork({ config, clock, log, lifecycle, secrets }: Stage, { accounts }: Stores, parts: PdsParts) {
  const isInsecure = isLocal(config) || config.privateAddressesAllowed;
  const guarded = createGuardedFetch({ allowPrivate: isInsecure, clock });
  // Services the operator named may be anywhere.
  const direct = createGuardedFetch({ allowPrivate: true, clock });
  lifecycle.own('outgoing requests', () => Promise.all([guarded.close(), direct.close()]).then(() => undefined));
  const fetchDirect = parts.fetch ?? direct;
  const fetchGuarded = parts.fetch ?? guarded;
  const fetch: typeof globalThis.fetch = (input, init) => (String(input).startsWith(`${config.plcUrl}/`) ? fetchDirect : fetchGuarded)(input, init);
  const resolver = createIdentityResolver({
    plcUrl: config.plcUrl, fetch, clock, allowInsecure: isInsecure, maxEntries: 20_000, maxBytes: 16_000_000,
    resolveTxt: parts.resolveTxt ?? systemResolveTxt,
    localHandles: (handle) => accounts.byHandle(handle)?.did ?? null,
  });
  const plc = new PlcClient({ directory: { plcUrl: config.plcUrl, fetch: fetchDirect, clock }, rotationKey: secrets.rotationKey, recoveryKey: config.recoveryDidKey });
  const server = new ServerIdentity({ hostname: config.hostname, isLocal: isLocal(config), serviceDid: config.serviceDid });
  const crawlers = new Crawlers({ urls: config.crawlers, server, fetch: fetchDirect, clock, log });
  lifecycle.own('crawlers', () => crawlers.close());
  return { resolver, plc, server, crawlers };
}

type Network = ReturnType<typeof openNetwork>;

/** People: their sessions, names and standing. */
function openAccounts({ config, clock, secrets }: Stage, stores: Stores, writes: Writes, network: Network) {
  const { accounts, refreshTokens } = stores;
  const { groups, sequencer, outbox, keys, writer } = writes;
  const { resolver, plc, server } = network;
  const passwords = new PasswordCheck(clock);
  const tokens = new SessionTokens({ secret: secrets.jwtSecret, audience: () => server.did, clock });
  const sessions = new Sessions({ accounts, refreshTokens, tokens, passwords, groups, clock });
  return {
    sessions,
    auth: new Authenticator({ accounts, tokens, server, resolver, clock, admin: createAdminAuth(secrets.adminPassword, { clock }) }),
    registrar: new Registrar({ accounts, sessions, tokens, passwords, repos: writer, plc, server, groups, sequencer, clock }),
    standing: new AccountStanding({ ...stores, groups, sequencer, keys, clock, onForgotten: () => outbox.forget() }),
    choice: new HandleChoice(handleDomains(config), resolver),
    change: new HandleChange({ accounts, plc, resolver, groups, sequencer }),
    documents: new DocumentCheck(resolver, keys, server),
    documentView: new DocumentView(resolver, { isSentWithSessions: config.enableDidDocWithSession }),
  };
}

type People = ReturnType<typeof openAccounts>;

/** What each group of methods is given. */
function apiParts({ config, clock }: Stage, stores: Stores, writes: Writes, network: Network, people: People): ApiParts {
  const { accounts, records, repos, blobs, files, exporter, preferences } = stores;
  const { groups, keys, preparer, writer } = writes;
  const { resolver, plc, server } = network;
  const { auth, sessions, registrar, standing, choice, change, documents, documentView } = people;
  const domains = handleDomains(config);
  const limits = (rules: readonly (readonly [points: number, windowMs: number])[]): RateLimiter[] =>
    config.rateLimitsEnabled ? rules.map(([points, windowMs]) => new RateLimiter({ points, windowMs, clock })) : [];
  return {
    createAccount: { auth, registrar, handles: choice, documents: documentView, limits: limits([[100, 300_000]]) },
    sessions: { auth, accounts, sessions, documents: documentView, limits: limits([[30, 300_000], [300, 86_400_000]]) },
    standing: { auth, standing, documents, repos, blobs, preferences },
    describeServer: { server, domains, config },
    serviceAuth: { auth, keys, clock },
    writes: { auth, accounts, preparer, repos: writer },
    reads: { accounts, records, resolver },
    blobs: { auth, uploader: new BlobUploader({ ...stores, groups, clock }), blobs, uploadLimitBytes: config.blobUploadLimit },
    syncRepo: { auth, accounts, repos, exporter },
    syncStatus: { auth, accounts, repos },
    syncBlobs: { auth, accounts, blobs, files },
    handles: { auth, accounts, resolver, choice, change, keys, plc, server, domains },
    adminAccounts: { auth, accounts, standing, choice, change },
    subjects: { auth, accounts, standing, records, blobs, groups, clock },
    preferences: { auth, preferences, groups },
  };
}

/** The listener with everything on it. */
async function serve(stage: Stage, routes: ApiParts, { database, accounts }: Stores, { sequencer, outbox }: Writes, { server, crawlers }: Network): Promise<HttpServer> {
  const { config, clock, log, lifecycle, metrics } = stage;
  const app = createApp({ log, metrics, serverName: `dunlin-pds/${version}`, clock });
  mountHealth(app, () => void database.prepare('SELECT 1').get());
  mountXrpc(app, apiRoutes(routes), { lexicons: loadLexicons(), metrics, fallback: unknownMethod(routes.writes.auth) });
  mountRouter(app, pages({ accounts, server }));
  const http = await listen(app, { host: config.host, port: config.port, clock });
  server.bind(http.port);
  lifecycle.own('listener', () => http.close());
  const websocket = createWebSocketServer(http, { log, clock });
  lifecycle.own('subscribers', () => websocket.close());
  lifecycle.own('outbox', () => outbox.close());
  serveSubscribeRepos({ websocket, log: sequencer, outbox });
  lifecycle.own('crawl requests', sequencer.onAppend(() => crawlers.notify()));
  crawlers.notify();
  return http;
}
