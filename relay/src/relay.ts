/**
 * The wiring of the relay, in the order an event goes: hosts → ingest → log → accounts and cursors → consumers.
 * Not for anybody but main.ts, cli/ and tests. Takes settings. Gives a running service that owns all it opened.
 * Closing goes the other way than data: hosts hang up, verdicts stop, the log gets its last sync, then accounts and
 * cursors are stored, then files are closed. Source: ours, docs/flow.md hops 5 to 8.
 */
import { effectiveConfig } from '@dunlin/service/config/describe';
import { version } from '@dunlin/service/config/version';
import { startMetricsListener } from '@dunlin/service/http/metrics-listener';
import { Lifecycle } from '@dunlin/service/lifecycle/service';
import type { RunningService } from '@dunlin/service/lifecycle/service';
import { createLogger } from '@dunlin/service/log/logger';
import { createMetrics } from '@dunlin/service/metrics/registry';
import { AccountSaver } from './accounts/account-saver.ts';
import { Takedowns } from './accounts/takedown.ts';
import { serveApi } from './api/serve.ts';
import { readRelayConfig, relayConfigSpec } from './config.ts';
import type { RelayConfig } from './config.ts';
import { Crawl } from './hosts/crawl.ts';
import { recoverState } from './ingest/recovery.ts';
import { declareGauges } from './metrics.ts';
import { startFanout } from './wiring/fanout.ts';
import { closeInFlowOrder, dialHosts, startChecks, startDiscovery, startIngest, startWalks } from './wiring/ingest.ts';
import type { Intaking } from './wiring/ingest.ts';
import { makeStage, openFetch } from './wiring/stage.ts';
import type { RelayDeps, Stage } from './wiring/stage.ts';
import { openStores } from './wiring/stores.ts';
import type { Stores } from './wiring/stores.ts';

export type { RelayDeps } from './wiring/stage.ts';

/** A relay that is up. */
export interface RunningRelay extends RunningService {
  readonly metricsUrl: string;
  readonly ready: { readonly ready: 'relay'; readonly url: string; readonly version: string };
}

const userAgent = `dunlin-relay/${version} (atproto-relay)`;

/** Starts the relay; everything opened is closed again when the start fails. */
export async function startRelay(options: Partial<RelayConfig>, deps: RelayDeps = {}): Promise<RunningRelay> {
  const config: RelayConfig = { ...readRelayConfig({}), ...options };
  const logger = deps.log ?? createLogger('relay');
  const lifecycle = new Lifecycle(logger);
  logger.info({ config: effectiveConfig(relayConfigSpec, config) }, 'starting');
  const metrics = createMetrics('relay');
  lifecycle.own('metrics', () => metrics.close());
  try {
    return await start(makeStage({ config, deps, logger, lifecycle, metrics }));
  } catch (error) {
    await lifecycle.close();
    throw error;
  }
}

async function start(stage: Stage): Promise<RunningRelay> {
  const { config, logger, lifecycle, metrics, clock } = stage;
  const stores = await openStores(stage);
  const { log, room, accountStore, table, hostStore, audit, collections } = stores;
  const saver = new AccountSaver({ table, store: accountStore, log });
  const intaking = startIngest(stage, stores, userAgent);
  const { ingest, pool } = intaking;
  const hosts = await recover(stage, stores);

  const fanout = await startFanout(stage, stores, userAgent);
  const takedowns = new Takedowns({
    table, store: accountStore, saver, log, clock,
    forgetMemory: () => fanout.forget(),
    onReversed: (row) => collections?.missed(row),
  });
  await takedowns.finish();
  const crawl = new Crawl({
    store: hostStore, pool, log, clock, allowInsecure: config.allowInsecureHosts, newHostsPerDay: config.newHostsPerDay, isClosedToPublic: config.disableRequestCrawl,
    fetch: openFetch(stage, { maxBytes: 65_536, timeoutMs: 5_000, maxRedirects: 0 }),
  });
  gauge(stage, stores, intaking);
  const { url } = await serveApi({
    bind: config.apiBind, adminPassword: config.adminPassword, serverName: userAgent,
    logger, metrics, clock, lifecycle, log, room, fanout, crawl, pool, hostStore, table, takedowns, audit, collections: collections?.index ?? null, counts: ingest.intake.counts,
  });
  const metricsServer = await startMetricsListener({ ...config.metricsListen, metrics, log: logger });
  lifecycle.own('metrics listener', () => metricsServer.close());
  await ingest.ready();
  dialHosts(stage, hosts, stores, intaking, crawl);
  startChecks(stage, stores, intaking);
  const walker = startWalks(stage, stores, intaking, saver);
  startDiscovery(stage, crawl);
  closeInFlowOrder(stage, stores, intaking, saver, walker);
  logger.info({ url, metricsUrl: metricsServer.url }, 'listening');
  return { url, metricsUrl: metricsServer.url, ready: { ready: 'relay', url, version }, close: () => lifecycle.close() };
}

/** Brings everything that is kept in step with the log; gives the hosts with the cursors they have by it. */
async function recover({ logger }: Stage, { log, table, accountStore, hostStore, collections }: Stores) {
  const accountsSeq = accountStore.appliedSeq();
  const fromSeq = collections ? collections.begin(accountsSeq, log.oldestSeq()) : accountsSeq;
  const { hosts, events } = await recoverState(log, table, fromSeq, hostStore.all(), (event, seq) => collections?.recover(event, seq));
  logger.info({ accounts: table.size, hosts: hosts.length, headSeq: log.headSeq(), replayed: events, tornBytes: log.tornBytes }, 'recovered');
  return hosts;
}

function gauge({ metrics }: Stage, { log, room, table }: Stores, { ingest, pool }: Intaking): void {
  declareGauges(metrics, {
    headSeq: () => log.headSeq(), oldestSeq: () => log.oldestSeq(), logBytes: () => log.totalBytes, pendingBytes: () => log.pendingBytes,
    accounts: () => table.size, accountBytes: () => table.byteLength, hosts: () => pool.size, activeHosts: () => pool.active, parkedHosts: () => pool.parked, upstreamRelays: () => pool.relays,
    intakeBytes: () => ingest.budget.totalBytes, heldBytes: () => ingest.hold.totalBytes, pausedHosts: () => ingest.budget.pausedHosts, lanes: () => ingest.pipeline.lanes,
    freeBytes: () => room.freeBytes, hasRoom: () => room.hasRoom,
  });
}
