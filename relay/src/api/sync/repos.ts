/**
 * listRepos, getRepoStatus, getLatestCommit and getRepo: what the relay knows of accounts and their repositories.
 * Not for the repositories' contents: getRepo sends its caller to the PDS.
 * Source: lexicons com.atproto.sync.*. The cursor of listRepos is a row number: rows never move.
 */
import { cidFromDigest, dagCborCode } from '@dunlin/protocol/data/cid';
import { XrpcError, invalidRequest } from '@dunlin/service/xrpc/errors';
import { route } from '@dunlin/service/xrpc/route';
import type { XrpcRoute } from '@dunlin/service/xrpc/route';
import type { AccountTable } from '../../accounts/account-table.ts';
import { accountStatus, findAccount, findActiveAccount } from './account-status.ts';

/** Most rows looked at for one page, so that accounts without a commit cannot make a call long. */
const maxRowsPerPage = 20_000;

/** What these methods read. */
export interface RepoRoutesParts {
  readonly table: AccountTable;
  /** Gives the origin of a host by our number of it, or null. */
  readonly originOf: (hostId: number) => string | null;
}

/** Makes the routes. */
export function repoRoutes({ table, originOf }: RepoRoutesParts): XrpcRoute[] {
  return [
    route<{ limit: number; cursor?: string }>('com.atproto.sync.listRepos', {
      handler: ({ params }) => ({ body: listRepos(table, readCursor(params.cursor), params.limit) }),
    }),
    route<{ did: string }>('com.atproto.sync.getRepoStatus', {
      handler: ({ params: { did } }) => {
        const row = findAccount(table, did);
        const status = accountStatus(table, row);
        const rev = status.active ? table.rev(row) : null;
        return { body: { did, ...status, ...(rev !== null && { rev }) } };
      },
    }),
    route<{ did: string }>('com.atproto.sync.getLatestCommit', {
      handler: ({ params: { did } }) => {
        const repo = table.repo(findActiveAccount(table, did));
        if (repo === null) throw new XrpcError(404, 'RepoNotFound', 'no commit of this repository has been seen yet');
        return { body: { cid: headText(repo.head), rev: repo.rev } };
      },
    }),
    route<{ did: string; since?: string }>('com.atproto.sync.getRepo', {
      handler: ({ params: { did, since } }) => {
        const origin = originOf(table.hostId(findActiveAccount(table, did)));
        if (origin === null) throw new XrpcError(404, 'RepoNotFound', 'the host of this repository is not known any more');
        const query = new URLSearchParams({ did, ...(since !== undefined && { since }) });
        return { redirect: `${origin}/xrpc/com.atproto.sync.getRepo?${query}` };
      },
    }),
  ];
}

function listRepos(table: AccountTable, from: number, limit: number): { repos: unknown[]; cursor?: string } {
  const repos: unknown[] = [];
  const end = Math.min(table.size, from + maxRowsPerPage);
  let row = from;
  for (; row < end && repos.length < limit; row++) {
    // Of who never spoke it is the word of its host.
    const repo = table.repo(row) ?? table.told(row);
    if (repo !== null) repos.push({ did: table.did(row), head: headText(repo.head), rev: repo.rev, ...accountStatus(table, row) });
  }
  return row < table.size ? { repos, cursor: String(row) } : { repos };
}

function readCursor(cursor: string | undefined): number {
  if (cursor === undefined || cursor === '') return 0;
  if (!/^\d{1,10}$/.test(cursor)) throw invalidRequest('cursor is not one that this method gave');
  return Number(cursor);
}

function headText(digest: Uint8Array): string {
  return cidFromDigest(dagCborCode, digest).toString();
}
