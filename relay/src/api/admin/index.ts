/**
 * The operator's API: HTTP Basic `admin:PASSWORD`, at the paths of the indigo relay, so that its tools work.
 * Not for the public. Every act is one line in the log.
 * Source: paths and bodies as indigo's cmd/relay handlers_admin.go.
 */
import { createAdminAuth } from '@dunlin/service/xrpc/auth';
import { clientAddress } from '@dunlin/service/http/client-address';
import type { Context } from '@dunlin/service/http/app';
import { createRouter } from '@dunlin/service/http/router';
import type { PlainRouter } from '@dunlin/service/http/router';
import type { Logger } from '@dunlin/service/log/logger';
import { parseJson, readBody } from '@dunlin/service/xrpc/body';
import { XrpcError, invalidRequest } from '@dunlin/service/xrpc/errors';
import type { ConsumerInfo } from '@dunlin/service/firehose/outbox';
import type { Clock } from '@dunlin/protocol/base/clock';
import type { AccountTable } from '../../accounts/account-table.ts';
import type { Takedowns } from '../../accounts/takedown.ts';
import type { Crawl } from '../../hosts/crawl.ts';
import type { HostPool } from '../../hosts/host-pool.ts';
import type { Host, HostStore } from '../../hosts/host-store.ts';
import { findAccount } from '../sync/account-status.ts';

/** What the operator's API works on. */
export interface AdminParts {
  readonly password: string | null;
  readonly clock: Clock;
  readonly log: Logger;
  readonly crawl: Crawl;
  readonly pool: HostPool;
  readonly hostStore: HostStore;
  readonly table: AccountTable;
  readonly takedowns: Takedowns;
  readonly consumers: () => ConsumerInfo[];
}

const maxBodyBytes = 16_384;

/** Makes the routes below /admin. */
export function adminRouter(parts: AdminParts): PlainRouter {
  const router = createRouter();
  const auth = createAdminAuth(parts.password, { clock: parts.clock });
  router.use('/admin', async (context, next) => {
    auth({ headers: context.req.headers, ip: clientAddress(context.req) });
    if (context.method !== 'GET') parts.log.info({ act: context.path, query: context.querystring.slice(0, 300) }, 'operator acts');
    await next();
  });
  addHostRoutes(router, parts);
  addAccountRoutes(router, parts);
  router.get('/admin/consumers/list', (context) => {
    context.body = parts.consumers();
  });
  return router;
}

function addHostRoutes(router: PlainRouter, { crawl, pool, hostStore, clock }: AdminParts): void {
  router.post('/admin/pds/requestCrawl', async (context) => {
    await crawl.request(textOf(await bodyOf(context), 'hostname'), 'operator');
    context.body = { success: true };
  });
  router.get('/admin/pds/list', (context) => {
    context.body = hostStore.all().map((host) => ({ id: host.id, createdAt: new Date(host.createdMs).toISOString(), ...pool.status(host) }));
  });
  router.post('/admin/pds/block', async (context) => {
    const host = hostOf(hostStore, context);
    hostStore.setBlocked(host.id, true);
    await pool.disconnect(host.id);
    context.body = { success: true };
  });
  router.post('/admin/pds/unblock', (context) => {
    const host = hostOf(hostStore, context);
    hostStore.setBlocked(host.id, false);
    pool.connect({ ...host, isBlocked: false });
    context.body = { success: true };
  });
  router.post('/admin/pds/changeLimits', async (context) => {
    const body = await bodyOf(context);
    const host = knownHost(hostStore, textOf(body, 'host'));
    context.body = { success: true, accountsFreed: pool.setAccountLimit(host, countOf(body, 'repo_limit')) };
  });
  router.get('/admin/subs/listDomainBans', (context) => {
    context.body = { banned_domains: hostStore.bannedDomains() };
  });
  router.post('/admin/subs/banDomain', async (context) => {
    hostStore.ban(textOf(await bodyOf(context), 'domain').toLowerCase(), clock.nowMs());
    for (const host of hostStore.all()) if (hostStore.isBanned(host.hostname)) await pool.disconnect(host.id);
    context.body = { success: true };
  });
  router.post('/admin/subs/unbanDomain', async (context) => {
    hostStore.unban(textOf(await bodyOf(context), 'domain').toLowerCase());
    for (const host of hostStore.all()) pool.connect(host);
    context.body = { success: true };
  });
}

function addAccountRoutes(router: PlainRouter, { table, takedowns }: AdminParts): void {
  router.post('/admin/repo/takeDown', async (context) => {
    const row = findAccount(table, textOf(await bodyOf(context), 'did'));
    context.body = { success: true, scrubbedEvents: await takedowns.takeDown(row) };
  });
  router.post('/admin/repo/reverseTakedown', async (context) => {
    await takedowns.reverse(findAccount(table, queryOf(context, 'did')));
    context.body = { success: true };
  });
  router.get('/admin/repo/takedowns', (context) => {
    context.body = { dids: takedowns.list() };
  });
}

async function bodyOf(context: Context): Promise<unknown> {
  return parseJson(await readBody(context.req, maxBodyBytes));
}

function textOf(body: unknown, name: string): string {
  const value = typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[name] : undefined;
  if (typeof value !== 'string' || value === '') throw invalidRequest(`body must be JSON with "${name}"`);
  return value;
}

function countOf(body: unknown, name: string): number {
  const value = typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[name] : undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw invalidRequest(`body must be JSON with a whole number "${name}"`);
  return value;
}

function queryOf(context: Context, name: string): string {
  const value = context.query[name];
  if (typeof value !== 'string' || value === '') throw invalidRequest(`query must have ${name}`);
  return value;
}

function hostOf(store: HostStore, context: Context): Host {
  return knownHost(store, queryOf(context, 'host'));
}

function knownHost(store: HostStore, text: string): Host {
  const hostname = text.toLowerCase();
  const host = store.find(hostname);
  if (host === null) throw new XrpcError(404, 'HostNotFound', `this relay does not know the host ${hostname.slice(0, 300)}`);
  return host;
}
