/**
 * The wiring of the relay, in the order an event goes: hosts → ingest → log → accounts and cursors → consumers.
 * Not for anybody but main.ts, cli/ and tests. Takes settings. Gives a running service that owns all it opened.
 * Closing goes the other way than data: hosts hang up, verdicts stop, the log gets its last sync, then accounts and
 * cursors are stored, then files are closed. Source: ours, docs/flow.md hops 5 to 8.
 */
import { resolveTxt } from 'node:dns/promises';
import { join } from 'node:path';
import { systemClock } from '@dunlin/protocol/base/clock';
import type { Clock } from '@dunlin/protocol/base/clock';
import { createIdentityResolver } from '@dunlin/protocol/identity/resolver';
import { effectiveConfig } from '@dunlin/service/config/describe';
import { version } from '@dunlin/service/config/version';
import { Outbox } from '@dunlin/service/firehose/outbox';
import { createGuardedFetch } from '@dunlin/service/http/guarded-fetch';
import { guardedLookup } from '@dunlin/service/http/public-address';
import { startMetricsListener } from '@dunlin/service/http/metrics-listener';
import { Lifecycle } from '@dunlin/service/lifecycle/service';
import type { RunningService } from '@dunlin/service/lifecycle/service';
import { throwAtProcess } from '@dunlin/service/lifecycle/throw-at-process';
import { createLogger } from '@dunlin/service/log/logger';
import type { Logger } from '@dunlin/service/log/logger';
import { createMetrics } from '@dunlin/service/metrics/registry';
import type { Metrics } from '@dunlin/service/metrics/registry';
import { AccountSaver } from './accounts/account-saver.ts';
import { AccountStore } from './accounts/account-store.ts';
import { Takedowns } from './accounts/takedown.ts';
import { serveApi } from './api/serve.ts';
import { readRelayConfig, relayConfigSpec } from './config.ts';
import type { RelayConfig } from './config.ts';
import { Crawl } from './hosts/crawl.ts';
import { HostPool } from './hosts/host-pool.ts';
import { HostStore } from './hosts/host-store.ts';
import { Checkpoint } from './ingest/checkpoint.ts';
import { defaultHoldBounds } from './ingest/hold.ts';
import { Ingest } from './ingest/ingest.ts';
import { recoverState } from './ingest/recovery.ts';
import { RelayLog } from './log/relay-log.ts';
import { trimLog } from './log/retention.ts';
import { declareGauges, declareHostMetrics, declareIngestMetrics } from './metrics.ts';

/** Parts that tests put in place of the real ones. */
export interface RelayDeps {
  readonly clock?: Clock;
  readonly log?: Logger;
  readonly fetch?: typeof globalThis.fetch;
  readonly resolveTxt?: (name: string) => Promise<string[][]>;
  readonly random?: () => number;
  /** Waits between attempts to reach a host. */
  readonly hostBackoff?: { readonly minMs: number; readonly maxMs: number };
  /** Told of our own faults; by default they are thrown at the process, which drains and exits. */
  readonly onFault?: (error: unknown) => void;
}

/** A relay that is up. */
export interface RunningRelay extends RunningService {
  readonly metricsUrl: string;
  readonly ready: { readonly ready: 'relay'; readonly url: string; readonly version: string };
}

const userAgent = `dunlin-relay/${version} (atproto-relay)`;
const segmentAgeMs = 3_600_000;
const gatherMs = 1;
const checkpointEveryMs = 1_000;
const trimEveryMs = 60_000;
/** Seqs left out when the log is new but the accounts are not: more than the lost log can have had. */
const lostLogGapSeqs = 1_000_000_000;

/** Starts the relay; everything opened is closed again when the start fails. */
export async function startRelay(options: Partial<RelayConfig>, deps: RelayDeps = {}): Promise<RunningRelay> {
  const config: RelayConfig = { ...readRelayConfig({}), ...options };
  const logger = deps.log ?? createLogger('relay');
  const lifecycle = new Lifecycle(logger);
  try {
    return await start(config, deps, logger, lifecycle);
  } catch (error) {
    await lifecycle.close();
    throw error;
  }
}

async function start(config: RelayConfig, deps: RelayDeps, logger: Logger, lifecycle: Lifecycle): Promise<RunningRelay> {
  logger.info({ config: effectiveConfig(relayConfigSpec, config) }, 'starting');
  const metrics = createMetrics('relay');
  lifecycle.own('metrics', () => metrics.close());
  const clock = deps.clock ?? systemClock;
  const stores = await openStores(config, deps, lifecycle);
  const { log, accountStore, table, hostStore } = stores;
  const saver = new AccountSaver({ table, store: accountStore, log });
  const { ingest, pool } = startIngest(config, deps, stores, lifecycle, metrics);
  const recovered = await recoverState(log, table, accountStore.appliedSeq(), hostStore.all());
  logger.info({ accounts: table.size, hosts: recovered.hosts.length, headSeq: log.headSeq(), replayed: recovered.events, tornBytes: log.tornBytes }, 'recovered');

  const outbox = new Outbox(log, { metrics, logger, clock, ringBytes: config.consumerBufferBytes });
  const takedowns = new Takedowns({ table, store: accountStore, saver, log, clock, forgetMemory: () => outbox.forget() });
  await takedowns.finish();
  const figures = () => ({
    hosts: pool.size, activeHosts: pool.active, accounts: table.size, headSeq: log.headSeq(), oldestSeq: log.oldestSeq(), consumers: outbox.consumers().length,
  });
  const checkFetch = deps.fetch ?? ownFetch(config, clock, lifecycle, { maxBytes: 65_536, timeoutMs: 5_000, maxRedirects: 0 });
  const crawl = new Crawl({
    store: hostStore, pool, clock, fetch: checkFetch, allowInsecure: config.allowInsecureHosts,
    newHostsPerDay: config.newHostsPerDay, isClosedToPublic: config.disableRequestCrawl,
  });
  declareGauges(metrics, {
    headSeq: () => log.headSeq(), oldestSeq: () => log.oldestSeq(), logBytes: () => log.totalBytes, pendingBytes: () => log.pendingBytes,
    accounts: () => table.size, accountBytes: () => table.byteLength, hosts: () => pool.size, activeHosts: () => pool.active,
    intakeBytes: () => ingest.budget.totalBytes, heldBytes: () => ingest.hold.totalBytes, pausedHosts: () => ingest.budget.pausedHosts, lanes: () => ingest.pipeline.lanes,
  });
  const { url } = await serveApi({
    bind: config.apiBind, adminPassword: config.adminPassword, serverName: userAgent,
    logger, metrics, clock, lifecycle, log, outbox, crawl, pool, hostStore, table, takedowns, figures,
  });
  const metricsServer = await startMetricsListener({ ...config.metricsListen, metrics, log: logger });
  lifecycle.own('metrics listener', () => metricsServer.close());
  await ingest.ready();
  for (const host of recovered.hosts) pool.connect(host);
  for (const hostname of config.hosts) if (!crawl.configure(hostname)) logger.warn({ hostname }, 'configured host is no name that may be dialled');
  closeInFlowOrder(config, deps, { ...stores, saver, ingest, pool }, lifecycle);
  logger.info({ url, metricsUrl: metricsServer.url }, 'listening');
  return { url, metricsUrl: metricsServer.url, ready: { ready: 'relay', url, version }, close: () => lifecycle.close() };
}

type Stores = Awaited<ReturnType<typeof openStores>>;

async function openStores(config: RelayConfig, deps: RelayDeps, lifecycle: Lifecycle) {
  const { persistDirectory: folder } = config;
  const hostStore = new HostStore(join(folder, 'hosts.sqlite'));
  lifecycle.own('host store', () => hostStore.close());
  const accountStore = new AccountStore(join(folder, 'accounts.sqlite'));
  lifecycle.own('account store', () => accountStore.close());
  const table = accountStore.load();
  const appliedSeq = accountStore.appliedSeq();
  const initialSeq = appliedSeq === null ? config.initialSeq : Math.max(config.initialSeq, appliedSeq + lostLogGapSeqs);
  const log = await RelayLog.open({
    folder: join(folder, 'log'), initialSeq, durability: config.durability, segmentBytes: config.segmentBytes, segmentAgeMs,
    clock: deps.clock ?? systemClock, gatherMs, onFault: deps.onFault ?? throwOurs,
  });
  lifecycle.own('log', () => log.close());
  return { hostStore, accountStore, table, log };
}

function startIngest(config: RelayConfig, deps: RelayDeps, stores: Stores, lifecycle: Lifecycle, metrics: Metrics): { ingest: Ingest; pool: HostPool } {
  const { log, table, hostStore } = stores;
  const clock = deps.clock ?? systemClock;
  const resolver = createIdentityResolver({
    plcUrl: config.plcUrl, clock, maxEntries: config.identityCacheSize, allowInsecure: config.allowInsecureHosts,
    fetch: deps.fetch ?? ownFetch(config, clock, lifecycle, { maxBytes: 262_144, timeoutMs: 10_000 }),
    resolveTxt: deps.resolveTxt ?? resolveTxt,
  });
  const ingest = new Ingest({
    log, table, resolver, clock,
    metrics: declareIngestMetrics(metrics),
    workers: config.verifyWorkers,
    isLenient: config.lenientSync,
    dropsDiscontinuous: config.continuity === 'drop',
    budgetBounds: { totalBytes: config.intakeBytes, bytesPerHost: config.intakeBytesPerHost },
    holdBounds: { ...defaultHoldBounds, maxMs: config.holdMs },
    random: deps.random ?? Math.random,
    onFault: deps.onFault ?? throwOurs,
  });
  lifecycle.own('ingest', () => ingest.stop());
  const pool = new HostPool({
    store: hostStore, table, log, intake: ingest.intake, clock, userAgent,
    metrics: declareHostMetrics(metrics),
    lookup: guardedLookup({ allowPrivate: config.allowInsecureHosts }),
    backoff: deps.hostBackoff ?? { minMs: 1_000, maxMs: 600_000 },
    allowInsecure: config.allowInsecureHosts, trustedDomains: config.trustedDomains, defaultAccountLimit: config.defaultAccountLimit,
  });
  lifecycle.own('hosts', () => pool.close());
  return { ingest, pool };
}

/** Timers, and what has to happen in order when the relay closes; owned last, so it is closed first. */
function closeInFlowOrder(config: RelayConfig, deps: RelayDeps, parts: Stores & { saver: AccountSaver; ingest: Ingest; pool: HostPool }, lifecycle: Lifecycle): void {
  const { log, saver, ingest, pool, hostStore } = parts;
  const clock = deps.clock ?? systemClock;
  const onFault = deps.onFault ?? throwOurs;
  const checkpoint = new Checkpoint({ saver, pool, hostStore, log, clock, everyMs: checkpointEveryMs, onFault });
  const trimmer = clock.every(trimEveryMs, () => {
    trimLog(log, { windowMs: config.replayWindowMs, maxBytes: config.replayBytes }, clock.nowMs()).catch(onFault);
  }, { unref: true });
  lifecycle.own('events in flight', async () => {
    trimmer.cancel();
    await pool.close();
    await ingest.stop();
    await log.settled();
    await checkpoint.close();
    ingest.close();
  });
}

function ownFetch(config: RelayConfig, clock: Clock, lifecycle: Lifecycle, bounds: { maxBytes: number; timeoutMs: number; maxRedirects?: number }): typeof globalThis.fetch {
  const fetch = createGuardedFetch({ ...bounds, clock, allowPrivate: config.allowInsecureHosts || config.plcUrl.startsWith('http://') });
  lifecycle.own('fetch', () => fetch.close());
  return fetch;
}

function throwOurs(error: unknown): void {
  throwAtProcess(error instanceof Error ? error : new Error('fault of our own', { cause: error }));
}
