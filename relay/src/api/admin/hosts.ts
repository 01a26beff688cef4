/**
 * What operators ask and do about hosts: list, add, block, limit, disconnect; and about crawl requests by the public.
 * Not for domains (domains.ts). Place in the flow: admin API.
 * Source: paths, parameters and field names as the indigo relay has them; fields in lower case are ours.
 */
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { Crawl } from '../../hosts/crawl.ts';
import type { HostPool } from '../../hosts/host-pool.ts';
import type { Host, HostStore } from '../../hosts/host-store.ts';
import type { AdminRoutes } from './acts.ts';
import { countOf, flagOf, hostOf, textOf } from './input.ts';

/** What these work on. */
export interface HostActsParts {
  readonly crawl: Crawl;
  readonly pool: HostPool;
  readonly hostStore: HostStore;
}

/** Adds the routes. */
export function addHostRoutes({ ask, act }: AdminRoutes, { crawl, pool, hostStore }: HostActsParts): void {
  ask('/admin/pds/list', () => hostStore.all().map((host) => hostInfo(host, pool)));
  act('/admin/pds/requestCrawl', (params) => {
    const isRelay = params['relay'] !== undefined && flagOf(params, 'relay');
    return isRelay ? crawl.addRelay(textOf(params, 'hostname')) : crawl.request(textOf(params, 'hostname'), 'operator');
  });
  act('/admin/pds/block', (params) => block(hostOf(hostStore, params)));
  act('/admin/pds/unblock', (params) => {
    const host = hostOf(hostStore, params);
    hostStore.setBlocked(host.id, false);
    pool.connect({ ...host, isBlocked: false });
  });
  act('/admin/pds/changeLimits', (params) => ({ accountsFreed: pool.setAccountLimit(hostOf(hostStore, params), countOf(params, 'repo_limit')) }));
  ask('/admin/subs/getUpstreamConns', () => hostStore.all().filter((host) => pool.isConnected(host.id)).map((host) => host.hostname));
  act('/admin/subs/killUpstream', async (params) => {
    const host = hostOf(hostStore, params);
    const isBlocked = params['block'] !== undefined && flagOf(params, 'block');
    const wasListenedTo = await pool.disconnect(host.id);
    if (isBlocked) hostStore.setBlocked(host.id, true);
    else if (!wasListenedTo) throw new XrpcError(400, 'HostNotConnected', `this relay does not listen to ${host.hostname} just now`);
  });
  ask('/admin/subs/getEnabled', () => ({ enabled: crawl.isOpenToPublic }));
  act('/admin/subs/setEnabled', (params) => {
    crawl.isOpenToPublic = flagOf(params, 'enabled');
  });
  ask('/admin/subs/perDayLimit', () => ({ limit: crawl.newHostsPerDay }));
  act('/admin/subs/setPerDayLimit', (params) => {
    crawl.newHostsPerDay = countOf(params, 'limit');
  });

  async function block(host: Host): Promise<void> {
    hostStore.setBlocked(host.id, true);
    await pool.disconnect(host.id);
  }
}

function hostInfo(host: Host, pool: HostPool): object {
  const status = pool.status(host);
  const { limits } = status.rates ?? { limits: { perSecond: -1, perHour: -1, perDay: -1 } };
  const dropped = Object.values(status.droppedEvents).reduce((sum, count) => sum + count, 0);
  return {
    ID: host.id, CreatedAt: new Date(host.createdMs).toISOString(), Host: host.hostname, SSL: !host.hostname.includes(':'),
    Cursor: status.cursor, Registered: status.state === 'active', Blocked: status.state === 'banned', CrawlRateLimit: 0,
    RepoCount: status.accounts, RepoLimit: status.accountLimit, UserCount: status.accounts,
    HasActiveConnection: pool.isConnected(host.id), EventsSeenSinceStartup: status.acceptedEvents + dropped,
    PerSecondEventRate: rateLimit(limits.perSecond, 1), PerHourEventRate: rateLimit(limits.perHour, 3_600), PerDayEventRate: rateLimit(limits.perDay, 86_400),
    AccountLimitAlertsSilenced: false, AccountLimitAlertState: 'ok',
    ...status,
  };
}

/** The server of indigo calls the span Window, its dashboard WindowSeconds. */
function rateLimit(most: number, seconds: number): object {
  return { Max: most, Window: seconds, WindowSeconds: seconds };
}
