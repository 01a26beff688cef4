/**
 * What operators ask and do about accounts: take one down at this relay, let it come back, look at one.
 * Not for what the account's host decides. Place in the flow: admin API.
 * Source: paths, parameters and field names as the indigo relay has them; /admin/repo/status is ours.
 */
import { cidFromDigest, dagCborCode } from '@dunlin/protocol/data/cid';
import type { AccountTable } from '../../accounts/account-table.ts';
import type { Takedowns } from '../../accounts/takedown.ts';
import type { CollectionIndex } from '../../collections/collection-index.ts';
import { accountStatus, findAccount } from '../sync/account-status.ts';
import type { AdminRoutes } from './acts.ts';
import { pageOf, textOf } from './input.ts';

/** What these work on. */
export interface AccountActsParts {
  readonly table: AccountTable;
  readonly takedowns: Takedowns;
  readonly collections: CollectionIndex | null;
  /** Gives the origin of a host by our number of it, or null. */
  readonly originOf: (hostId: number) => string | null;
}

const maxPerPage = 500;

/** Adds the routes. */
export function addAccountRoutes({ ask, act }: AdminRoutes, { table, takedowns, collections, originOf }: AccountActsParts): void {
  act('/admin/repo/takeDown', async (params) => ({ scrubbedEvents: await takedowns.takeDown(findAccount(table, textOf(params, 'did'))) }));
  act('/admin/repo/reverseTakedown', (params) => takedowns.reverse(findAccount(table, textOf(params, 'did'))));
  ask('/admin/repo/takedowns', (params) => {
    const { limit, cursor } = pageOf(params, maxPerPage);
    const { dids, nextRow } = takedowns.page(cursor ?? 0, limit);
    return { dids, ...(nextRow !== null && { cursor: String(nextRow) }) };
  });
  ask('/admin/repo/status', (params) => {
    const row = findAccount(table, textOf(params, 'did'));
    const repo = table.repo(row);
    return {
      did: table.did(row), host: originOf(table.hostId(row)), ...accountStatus(table, row), upstream: table.upstream(row), local: table.local(row),
      desynchronized: table.isDesynchronized(row), keyCheckedAt: new Date(table.keyCheckedSeconds(row) * 1_000).toISOString(),
      ...(repo && { rev: repo.rev, commit: cidFromDigest(dagCborCode, repo.head).toString() }),
      ...(collections && { collections: collections.collectionsOf(row), collectionsAre: collections.certainty(row), collectionsProven: collections.proof(row) === 'proven' }),
    };
  });
}
