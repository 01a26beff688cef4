/**
 * Puts everything the relay answers on one listener: methods, stream, health, page, the operator's API.
 * Not for what they answer. Place in the flow: hop 8 and all questions.
 * Source: ours.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { createApp, listen } from '@dunlin/service/http/app';
import { mountHealth } from '@dunlin/service/http/health';
import { createRouter, mountRouter } from '@dunlin/service/http/router';
import type { Lifecycle } from '@dunlin/service/lifecycle/service';
import type { Logger } from '@dunlin/service/log/logger';
import type { Metrics } from '@dunlin/service/metrics/registry';
import { createWebSocketServer } from '@dunlin/service/websocket/server';
import { loadLexicons } from '@dunlin/service/xrpc/lexicons';
import { mountXrpc } from '@dunlin/service/xrpc/route';
import type { AccountTable } from '../accounts/account-table.ts';
import type { Takedowns } from '../accounts/takedown.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { CollectionIndex } from '../collections/collection-index.ts';
import { maxHeaderBytes } from '../fanout/fanout.ts';
import type { Fanout } from '../fanout/fanout.ts';
import type { Crawl } from '../hosts/crawl.ts';
import type { HostPool } from '../hosts/host-pool.ts';
import type { HostStore } from '../hosts/host-store.ts';
import type { RelayLog } from '../log/relay-log.ts';
import type { Room } from '../log/room.ts';
import { LiveFigures } from '../pages/live-figures.ts';
import { pageRouter } from '../pages/pages.ts';
import { declareAdminMetrics } from '../metrics.ts';
import { adminRouter } from './admin/index.ts';
import { relayRoutes } from './index.ts';

/** What is served, and on what. */
export interface ServeParts {
  readonly bind: { readonly host: string; readonly port: number };
  readonly adminPassword: string | null;
  readonly serverName: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Takes over what is opened here. */
  readonly lifecycle: Lifecycle;
  readonly log: RelayLog;
  readonly room: Room;
  readonly fanout: Fanout;
  readonly crawl: Crawl;
  readonly pool: HostPool;
  readonly hostStore: HostStore;
  readonly table: AccountTable;
  readonly takedowns: Takedowns;
  readonly audit: AuditLog;
  readonly collections: CollectionIndex | null;
  /** Events since the start. */
  readonly counts: { readonly received: number; readonly accepted: number; readonly dropped: number };
}

/** Listens; resolves when the port is open. */
export async function serveApi(parts: ServeParts): Promise<{ readonly url: string }> {
  const { logger, metrics, clock, lifecycle, log, fanout, crawl, pool, hostStore, table, takedowns, collections } = parts;
  const originOf = (hostId: number): string | null => pool.originOf(hostId);
  const app = createApp({ log: logger, metrics, serverName: parts.serverName, clock });
  mountHealth(app, () => {
    if (!log.isWritable) throw new Error('the log takes no more events');
    if (parts.room.reason !== null) throw new Error(parts.room.reason);
  });
  mountXrpc(app, relayRoutes({ crawl, pool, store: hostStore, clock, table, collections, originOf }), { lexicons: loadLexicons(), metrics });
  const live = new LiveFigures(clock, () => ({ ...parts.counts, consumers: fanout.count }));
  lifecycle.own('live figures', () => live.close());
  mountRouter(app, pageRouter({
    pool, hostStore, live, clock,
    figures: () => ({
      hosts: pool.size, activeHosts: pool.active, accounts: table.size, consumers: fanout.count, headSeq: log.headSeq(), oldestSeq: log.oldestSeq(), logBytes: log.totalBytes,
    }),
  }));
  mountRouter(app, adminRouter({
    password: parts.adminPassword, clock, log: logger, crawl, pool, hostStore, table, takedowns, collections, audit: parts.audit, originOf,
    consumers: () => fanout.consumers(), onRefused: declareAdminMetrics(metrics),
  }));
  const streamRouter = createRouter();
  mountRouter(app, streamRouter);
  const http = await listen(app, { ...parts.bind, clock, maxHeaderBytes });
  lifecycle.own('listener', () => http.close());
  const websocket = createWebSocketServer(http, { log: logger, clock });
  lifecycle.own('websocket', () => websocket.close());
  fanout.mount({ websocket, router: streamRouter });
  lifecycle.own('consumers', () => fanout.close());
  return { url: http.url };
}
