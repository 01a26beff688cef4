/**
 * Last stage of the wiring: the listener with everything on it, and the relays that are told of it.
 * Opened when all else stands, closed first.
 * Not for what is served. Source: ours.
 */
import { version } from '@dunlin/service/config/version';
import { serveSubscribeRepos } from '@dunlin/service/firehose/subscribe';
import { createApp, listen, type HttpServer } from '@dunlin/service/http/app';
import { longBodies } from '@dunlin/service/http/slow-bodies';
import { mountHealth } from '@dunlin/service/http/health';
import { mountRouter } from '@dunlin/service/http/router';
import { createWebSocketServer } from '@dunlin/service/websocket/server';
import { loadLexicons } from '@dunlin/service/xrpc/lexicons';
import { mountXrpc } from '@dunlin/service/xrpc/route';
import { apiRoutes, type ApiParts } from '../api/index.ts';
import { pages } from '../api/pages.ts';
import { passOn } from '../api/proxy.ts';
import { faultPage } from '../oauth/own-pages.ts';
import type { Stage } from './stage.ts';
import type { Stores } from './stores.ts';
import type { Writes } from './writes.ts';
import type { Network } from './network.ts';
import type { People } from './accounts.ts';

/** The listener with everything on it. */
export async function serve(stage: Stage, routes: ApiParts, { database, accounts }: Stores, { sequencer, replay, outbox }: Writes, { server, crawlers }: Network, { oauth, hosted }: Pick<People, 'oauth' | 'hosted'>): Promise<HttpServer> {
  const { config, clock, log, lifecycle, metrics } = stage;
  const app = createApp({ log, metrics, serverName: `dunlin-pds/${version}`, clock, faultPage: faultPage(config.serviceName ?? config.hostname) });
  mountHealth(app, () => void database.prepare('SELECT 1').get());
  // First, since nearly every request is for it: routers look through all their paths. What is not its own it lets pass.
  mountXrpc(app, apiRoutes(routes, loadLexicons()), { lexicons: loadLexicons(), metrics, fallback: passOn(routes.proxy), rateLimit: routes.everyCall });
  mountRouter(app, oauth.pages);
  app.use(oauth.front.middleware);
  mountRouter(app, pages({ accounts, server, hosted }));
  const http = await listen(app, { host: config.host, port: config.port, clock, longBodies });
  server.bind(http.port);
  lifecycle.own('listener', () => http.close());
  const websocket = createWebSocketServer(http, { log, clock });
  lifecycle.own('subscribers', () => websocket.close());
  lifecycle.own('outbox', () => outbox.close());
  serveSubscribeRepos({ websocket, log: replay, outbox });
  lifecycle.own('crawl requests', sequencer.onAppend(() => crawlers.notify()));
  crawlers.notify();
  return http;
}
