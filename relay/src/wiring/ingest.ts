/**
 * Starts what takes events in: hosts, ingest, checkpoints, retention, and what asks hosts about collections.
 * Not for what is served (api/serve.ts). Place in the flow: start, second stage; hops 5 to 7.
 * Source: ours.
 */
import { resolveTxt } from 'node:dns/promises';
import { createIdentityResolver } from '@dunlin/protocol/identity/resolver';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { guardedLookup } from '@dunlin/service/http/public-address';
import type { AccountSaver } from '../accounts/account-saver.ts';
import type { Crawl } from '../hosts/crawl.ts';
import { Dialler } from '../hosts/dialler.ts';
import { Discovery } from '../hosts/discovery.ts';
import { HostPool } from '../hosts/host-pool.ts';
import type { Host } from '../hosts/host-store.ts';
import { trustedLimits } from '../hosts/host-limits.ts';
import { Homes } from '../hosts/homes.ts';
import { Walker } from '../hosts/walker.ts';
import { Checkpoint } from '../ingest/checkpoint.ts';
import { defaultHoldBounds } from '../ingest/hold.ts';
import { Ingest } from '../ingest/ingest.ts';
import { Introduction } from '../ingest/introduction.ts';
import { trimLog } from '../log/retention.ts';
import { declareCollectionMetrics, declareHostMetrics, declareIngestMetrics, declareWalkMetrics } from '../metrics.ts';
import { openFetch } from './stage.ts';
import type { Stage } from './stage.ts';
import { checkpointStores } from './stores.ts';
import type { Stores } from './stores.ts';

/** What takes events in. */
export interface Intaking {
  readonly ingest: Ingest;
  readonly pool: HostPool;
  readonly resolver: IdentityResolver;
}

const checkpointEveryMs = 1_000;
const trimEveryMs = 60_000;
const statusBounds = { maxBytes: 16_384, timeoutMs: 5_000, maxRedirects: 0 };
const listBounds = { maxBytes: 1_048_576, timeoutMs: 10_000, maxRedirects: 0 };
const describeBounds = { maxBytes: 2_097_152, timeoutMs: 10_000 };

/** Makes ingest and the pool of hosts; no host is dialled yet. */
export function startIngest(stage: Stage, { log, room, table, hostStore, collections }: Stores, userAgent: string): Intaking {
  const { config, deps, clock, lifecycle, metrics, onFault } = stage;
  const resolver = createIdentityResolver({
    plcUrl: config.plcUrl, clock, maxEntries: config.identityCacheSize, allowInsecure: config.allowInsecureHosts,
    fetch: openFetch(stage, { maxBytes: 262_144, timeoutMs: 10_000 }),
    resolveTxt: deps.resolveTxt ?? resolveTxt,
  });
  const homes = new Homes({
    store: hostStore, clock, allowInsecure: config.allowInsecureHosts, trustedDomains: config.trustedDomains,
    defaultAccountLimit: config.defaultAccountLimit, trustedAccountLimit: config.trustedAccountLimit, mostUnheard: config.unheardHosts,
  });
  const ingest = new Ingest({
    log, table, homes, hasRelays: () => pool.relays > 0, resolver, clock, onFault,
    fetch: openFetch(stage, statusBounds),
    metrics: declareIngestMetrics(metrics),
    workers: config.verifyWorkers,
    isLenient: config.lenientSync,
    dropsDiscontinuous: config.continuity === 'drop',
    budgetBounds: { totalBytes: config.intakeBytes, bytesPerHost: config.intakeBytesPerHost },
    holdBounds: { ...defaultHoldBounds, totalBytes: config.holdBytes, bytesPerHost: config.holdBytes / 8, maxMs: config.holdMs },
    limits: { lookupsPerHost: config.lookupsPerHost, notices: { burst: config.noticeBurst, everyMs: config.noticeEveryMs }, keyMaxAgeSeconds: config.keyMaxAgeMs / 1_000 },
    random: deps.random ?? Math.random,
    follower: collections,
  });
  lifecycle.own('ingest', () => ingest.stop());
  room.follow((hasRoom) => {
    if (hasRoom) stage.logger.info({ freeBytes: room.freeBytes }, 'the disk has room again: hosts are read on');
    else stage.logger.error({ reason: room.reason }, 'hosts are not read');
    if (hasRoom) ingest.budget.start();
    else ingest.budget.stop();
  });
  const pool: HostPool = new HostPool({
    store: hostStore, homes, table, log, intake: ingest.intake, clock, userAgent,
    metrics: declareHostMetrics(metrics),
    lookup: guardedLookup({ allowPrivate: config.allowInsecureHosts }),
    backoff: deps.hostBackoff ?? { minMs: 1_000, maxMs: config.redialMaxMs },
    allowInsecure: config.allowInsecureHosts, relaysStartLive: config.upstreamStart === 'live',
    limits: {
      ordinary: { perSecond: config.eventsPerSecond, perHour: config.eventsPerHour, perDay: config.eventsPerDay },
      trusted: { ...trustedLimits, perSecond: config.trustedEventsPerSecond },
    },
    parking: { afterMs: config.parkAfterMs, recheckMs: config.parkRecheckMs }, random: deps.random ?? Math.random,
    onMissed: (hostId) => collections?.missedOf(hostId),
  });
  lifecycle.own('hosts', () => pool.close());
  return { ingest, pool, resolver };
}

/** Begins to dial the hosts that are known, and those that the operator names. */
export function dialHosts(stage: Stage, hosts: readonly Host[], { table, hostStore }: Stores, { pool }: Intaking, crawl: Crawl): void {
  const { config, clock, lifecycle, logger } = stage;
  pool.recovered(hosts);
  for (const hostname of config.hosts) if (!crawl.configure(hostname)) logger.warn({ hostname }, 'configured host is no name that may be dialled');
  for (const relay of config.upstreamRelays) if (!crawl.configureRelay(relay)) logger.warn({ relay }, 'configured relay may not be dialled, or is known as a host of accounts');
  const dialler = new Dialler({
    hosts: hosts.toSorted((a, b) => table.countOfHost(b.id) - table.countOfHost(a.id)),
    // As it is when its turn comes: the operator may have blocked it meanwhile.
    connect: (host) => pool.connect(hostStore.byId(host.id) ?? host),
    isDialling: (hostId) => pool.isDialling(hostId), atOnce: config.dialsAtOnce, clock,
  });
  lifecycle.own('dialler', async () => dialler.close());
}

/** Begins to ask hosts about collections of accounts that the relay does not know exactly. */
export function startChecks(stage: Stage, { collections, table }: Stores, { pool }: Intaking): void {
  if (collections === null) return;
  const { index } = collections;
  const metrics = declareCollectionMetrics(stage.metrics, {
    collections: () => index.size, bytes: () => index.byteLength, refused: () => index.refused, queued: () => collections.queued,
    accounts: () => index.accounts(table.size), proven: () => index.proven,
  });
  if (stage.config.collectionBackfill === 'off') return;
  collections.startChecks({
    metrics, originOf: (hostId) => pool.liveOrigin(hostId), fetch: openFetch(stage, describeBounds),
    perSecond: stage.config.collectionChecksPerHost, proves: stage.config.collectionProofs, onFault: stage.onFault,
  });
}

/** Begins to go through the lists of repositories that hosts have. */
export function startWalks(stage: Stage, { hostStore, table, room }: Stores, { pool, resolver }: Intaking, saver: AccountSaver): Walker | null {
  const { config, deps, clock, lifecycle, metrics, onFault } = stage;
  if (config.collectionBackfill !== 'all') return null;
  const walker: Walker = new Walker({
    walks: hostStore.walks, introduction: new Introduction(table, resolver, clock), hostsAfter: (hostId) => pool.answeringAfter(hostId), mayAsk: (hostId) => pool.liveOrigin(hostId) !== null,
    fetch: openFetch(stage, listBounds), saveAccounts: () => saver.save(), hasRoom: () => room.hasRoom, lookupsPerSecond: config.walkLookups, againMs: config.walkEveryMs,
    metrics: declareWalkMetrics(metrics, () => walker.size), clock, random: deps.random ?? Math.random, onFault,
  });
  lifecycle.own('walks through lists', () => walker.close());
  return walker;
}

/** Begins to ask other relays for their hosts. */
export function startDiscovery(stage: Stage, crawl: Crawl): void {
  const { config, deps, clock, logger, lifecycle, onFault } = stage;
  const relays = config.discoveryRelays.flatMap((text) => {
    const url = URL.canParse(text) ? new URL(text) : null;
    const mayAsk = url !== null && (url.protocol === 'https:' || (url.protocol === 'http:' && config.allowInsecureHosts));
    if (!mayAsk) logger.warn({ relay: text }, 'relay to ask for hosts is no https address');
    return mayAsk ? [url.origin] : [];
  });
  const discovery = new Discovery({ relays, crawl, clock, logger, onFault, random: deps.random ?? Math.random, fetch: openFetch(stage, listBounds) });
  lifecycle.own('discovery', async () => discovery.close());
}

/** Timers, and what has to happen in order when the relay closes; owned last, so it is closed first. */
export function closeInFlowOrder({ config, clock, lifecycle, onFault }: Stage, stores: Stores, { ingest, pool }: Intaking, saver: AccountSaver, walker: Walker | null): void {
  const { log, room, hostStore, collections } = stores;
  const checkpoint = new Checkpoint({
    saver, pool, hostStore, log, clock, everyMs: checkpointEveryMs, onFault, onFull: (isFull) => room.setStoreFull(checkpointStores, isFull), saveFollowers: (headSeq) => collections?.save(headSeq),
  });
  const trimmer = clock.every(trimEveryMs, () => {
    trimLog(log, { windowMs: config.replayWindowMs, maxBytes: config.replayBytes }, clock.nowMs()).catch(onFault);
  }, { unref: true });
  lifecycle.own('events in flight', async () => {
    trimmer.cancel();
    walker?.stop();
    await pool.close();
    await ingest.stop();
    await collections?.stop();
    if (await log.drain()) await checkpoint.close();
    else await checkpoint.abandon();
    ingest.close();
  });
}
