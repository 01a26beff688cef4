/**
 * listReposByCollection, and our own list of collections with counts.
 * Not for how the index comes about (collections/). Place in the flow: read from memory and single rows on disk.
 * Source: lexicons com.atproto.sync.listReposByCollection, app.dunlin.relay.listCollections. The cursor is a row of the
 * account table: rows never move, so a walk through all pages gives everybody who is there from its beginning to its end.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { limitKey } from '@dunlin/service/http/client-address';
import { RateLimiter } from '@dunlin/service/http/rate-limit';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route } from '@dunlin/service/xrpc/route';
import type { XrpcRoute } from '@dunlin/service/xrpc/route';
import type { AccountTable } from '../../accounts/account-table.ts';
import type { CollectionIndex } from '../../collections/collection-index.ts';

/** What these methods read. */
export interface CollectionRoutesParts {
  readonly table: AccountTable;
  /** Null when the relay keeps no index: the methods are not there then. */
  readonly collections: CollectionIndex | null;
  readonly clock: Clock;
}

/** Most rows looked at for one page, so that accounts that are not active cannot make a call long. */
const maxRowsPerPage = 10_000;

/** Calls from one address. */
const callLimit = { points: 3_000, windowMs: 300_000 };

/** Makes the routes. */
export function collectionRoutes({ table, collections: index, clock }: CollectionRoutesParts): XrpcRoute[] {
  if (index === null) return [];
  const limiter = new RateLimiter({ ...callLimit, clock });
  const rateLimit = { limiter, key: ({ ip }: { readonly ip: string }) => limitKey(ip) };
  return [
    route<{ collection: string; limit: number; cursor?: string }>('com.atproto.sync.listReposByCollection', {
      rateLimit,
      handler: ({ params }) => ({ body: listRepos(table, index, params.collection, readCursor(params.cursor), params.limit) }),
    }),
    route<{ prefix?: string; limit: number; cursor?: string }>('app.dunlin.relay.listCollections', {
      rateLimit,
      handler: ({ params: { prefix, limit, cursor } }) => {
        const page = index.page(cursor ?? '', limit, prefix);
        const last = page.at(-1);
        const collections = page.map(({ nsid, accounts }) => ({ nsid, accounts }));
        return { body: { collections, coverage: { ...index.accounts(table.size), proven: index.proven }, ...(last && page.length === limit && { cursor: last.nsid }) } };
      },
    }),
  ];
}

function listRepos(table: AccountTable, index: CollectionIndex, collection: string, from: number, limit: number): { repos: { did: string }[]; cursor?: string } {
  const repos: { did: string }[] = [];
  let looked = 0;
  for (const row of index.rowsFrom(collection, from)) {
    if (repos.length === limit || looked === maxRowsPerPage) return { repos, cursor: String(row) };
    looked += 1;
    if (table.isActive(row)) repos.push({ did: table.did(row) });
  }
  return { repos };
}

function readCursor(cursor: string | undefined): number {
  if (cursor === undefined || cursor === '') return 0;
  if (!/^\d{1,10}$/.test(cursor)) throw invalidRequest('cursor is not one that this method gave');
  return Number(cursor);
}
