/**
 * What operators ask and do about domains: a banned one covers every host at and below it.
 * Not for single hosts (hosts.ts). Place in the flow: admin API.
 * Source: paths, parameters and field names as the indigo relay has them.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { HostPool } from '../../hosts/host-pool.ts';
import type { HostStore } from '../../hosts/host-store.ts';
import type { AdminRoutes } from './acts.ts';
import { textOf } from './input.ts';
import type { Params } from './input.ts';

/** What these work on. */
export interface DomainActsParts {
  readonly pool: HostPool;
  readonly hostStore: HostStore;
  readonly clock: Clock;
}

const domainName = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Adds the routes. */
export function addDomainRoutes({ ask, act }: AdminRoutes, { pool, hostStore, clock }: DomainActsParts): void {
  ask('/admin/subs/listDomainBans', () => ({ banned_domains: hostStore.bannedDomains() }));
  act('/admin/subs/banDomain', async (params) => {
    hostStore.ban(domainOf(params), clock.nowMs());
    for (const host of hostStore.all()) if (hostStore.isBanned(host.hostname)) await pool.disconnect(host.id);
  });
  act('/admin/subs/unbanDomain', (params) => {
    hostStore.unban(domainOf(params));
    for (const host of hostStore.all()) pool.connect(host);
  });
}

function domainOf(params: Params): string {
  const domain = textOf(params, 'domain').toLowerCase().replace(/^\*\./, '');
  if (!domainName.test(domain)) throw invalidRequest('"domain" must be a domain name');
  return domain;
}
