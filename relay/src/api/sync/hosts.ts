/**
 * requestCrawl, listHosts and getHostStatus.
 * Not for the operator's view of hosts (api/admin).
 * Source: lexicons com.atproto.sync.*.
 */
import { XrpcError, invalidRequest } from '@dunlin/service/xrpc/errors';
import { RateLimiter } from '@dunlin/service/http/rate-limit';
import { limitKey } from '@dunlin/service/http/client-address';
import { route } from '@dunlin/service/xrpc/route';
import type { XrpcRoute } from '@dunlin/service/xrpc/route';
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Crawl } from '../../hosts/crawl.ts';
import type { HostPool } from '../../hosts/host-pool.ts';
import type { HostStore, Host } from '../../hosts/host-store.ts';

/** What these methods use. */
export interface HostRoutesParts {
  readonly crawl: Crawl;
  readonly pool: HostPool;
  readonly store: HostStore;
  readonly clock: Clock;
}

/** Calls of requestCrawl from one address. */
const crawlLimit = { points: 60, windowMs: 300_000 };

/** Makes the routes. */
export function hostRoutes({ crawl, pool, store, clock }: HostRoutesParts): XrpcRoute[] {
  const limiter = new RateLimiter({ ...crawlLimit, clock });
  return [
    route<Record<string, unknown>, { hostname: string }>('com.atproto.sync.requestCrawl', {
      rateLimit: { limiter, key: ({ ip }) => limitKey(ip) },
      handler: async ({ input }) => {
        await crawl.request(input.hostname, 'public');
      },
    }),
    route<{ limit: number; cursor?: string }>('com.atproto.sync.listHosts', {
      handler: ({ params: { limit, cursor } }) => {
        const hosts = store.page(readCursor(cursor), limit);
        const last = hosts.at(-1);
        return { body: { hosts: hosts.map((host) => shown(pool, host)), ...(last && hosts.length === limit && { cursor: String(last.id) }) } };
      },
    }),
    route<{ hostname: string }>('com.atproto.sync.getHostStatus', {
      handler: ({ params: { hostname } }) => {
        const host = store.find(hostname.toLowerCase());
        if (host === null) throw new XrpcError(404, 'HostNotFound', `this relay does not know the host ${hostname}`);
        return { body: shown(pool, host) };
      },
    }),
  ];
}

function shown(pool: HostPool, host: Host): Record<string, unknown> {
  const { hostname, cursor, accounts, state } = pool.status(host);
  return { hostname, seq: cursor, accountCount: accounts, status: state };
}

function readCursor(cursor: string | undefined): number {
  if (cursor === undefined || cursor === '') return 0;
  if (!/^\d{1,10}$/.test(cursor)) throw invalidRequest('cursor is not one that this method gave');
  return Number(cursor);
}
