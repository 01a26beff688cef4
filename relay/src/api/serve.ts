/**
 * Puts everything the relay answers on one listener: methods, stream, health, page, the operator's API.
 * Not for what they answer. Place in the flow: hop 8 and all questions.
 * Source: ours.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { serveSubscribeRepos } from '@dunlin/service/firehose/subscribe';
import type { Outbox } from '@dunlin/service/firehose/outbox';
import { createApp, listen } from '@dunlin/service/http/app';
import { mountHealth } from '@dunlin/service/http/health';
import { mountRouter } from '@dunlin/service/http/router';
import type { Lifecycle } from '@dunlin/service/lifecycle/service';
import type { Logger } from '@dunlin/service/log/logger';
import type { Metrics } from '@dunlin/service/metrics/registry';
import { createWebSocketServer } from '@dunlin/service/websocket/server';
import { loadLexicons } from '@dunlin/service/xrpc/lexicons';
import { mountXrpc } from '@dunlin/service/xrpc/route';
import type { AccountTable } from '../accounts/account-table.ts';
import type { Takedowns } from '../accounts/takedown.ts';
import type { Crawl } from '../hosts/crawl.ts';
import type { HostPool } from '../hosts/host-pool.ts';
import type { HostStore } from '../hosts/host-store.ts';
import type { RelayLog } from '../log/relay-log.ts';
import { adminRouter } from './admin/index.ts';
import { relayRoutes } from './index.ts';
import { pageRouter } from './page.ts';
import type { PageFigures } from './page.ts';

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
  readonly outbox: Outbox;
  readonly crawl: Crawl;
  readonly pool: HostPool;
  readonly hostStore: HostStore;
  readonly table: AccountTable;
  readonly takedowns: Takedowns;
  readonly figures: () => PageFigures;
}

/** Listens; resolves when the port is open. */
export async function serveApi(parts: ServeParts): Promise<{ readonly url: string }> {
  const { logger, metrics, clock, lifecycle, log, outbox, crawl, pool, hostStore, table, takedowns } = parts;
  const app = createApp({ log: logger, metrics, serverName: parts.serverName, clock });
  mountHealth(app, () => {
    if (!log.isWritable) throw new Error('the log takes no more events');
  });
  mountXrpc(app, relayRoutes({ crawl, pool, store: hostStore, clock, table, originOf: (hostId) => pool.originOf(hostId) }), { lexicons: loadLexicons(), metrics });
  mountRouter(app, pageRouter(parts.figures));
  mountRouter(app, adminRouter({ password: parts.adminPassword, clock, log: logger, crawl, pool, hostStore, table, takedowns, consumers: () => outbox.consumers() }));
  const http = await listen(app, { ...parts.bind, clock });
  lifecycle.own('listener', () => http.close());
  const websocket = createWebSocketServer(http, { log: logger, clock });
  lifecycle.own('websocket', () => websocket.close());
  lifecycle.own('outbox', () => outbox.close());
  serveSubscribeRepos({ websocket, log, outbox });
  return { url: http.url };
}
