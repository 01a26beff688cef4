/**
 * com.atproto.sync methods that say where repositories stand: getLatestCommit, getHead, getRepoStatus, listRepos.
 * Status and list tell of every account, in service or not; the others answer for those in service.
 * Source: lexicons of those names; shapes, cursor and errors as the reference PDS.
 */
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import { accountState, type Account } from '../../account/account.ts';
import type { AccountStore } from '../../account/account-store.ts';
import type { RepoReader } from '../../repo/read.ts';
import type { Authenticator, Reader } from '../auth.ts';
import { readableRepo } from '../find-repo.ts';
import { repoNotFound } from './repo.ts';

/** Gives the methods. */
export function syncStatusRoutes({ auth, accounts, repos }: { auth: Authenticator; accounts: AccountStore; repos: RepoReader }): XrpcRoute[] {
  return [
    route<{ did: string }, unknown, Reader>('com.atproto.sync.getLatestCommit', {
      auth: (call) => auth.reader(call),
      handler({ params: { did }, auth: reader }) {
        const head = repos.head(readableRepo(accounts, did, reader).id);
        if (head === null) throw repoNotFound(did);
        return { body: { cid: head.cid.toString(), rev: head.rev } };
      },
    }),
    route<{ did: string }, unknown, Reader>('com.atproto.sync.getHead', {
      auth: (call) => auth.reader(call),
      handler({ params: { did }, auth: reader }) {
        const head = repos.head(readableRepo(accounts, did, reader).id);
        if (head === null) throw invalidRequest(`Could not find root for DID: ${did}`, 'HeadNotFound');
        return { body: { root: head.cid.toString() } };
      },
    }),
    route<{ did: string }>('com.atproto.sync.getRepoStatus', {
      handler({ params: { did } }) {
        const account = accounts.byDid(did);
        if (account === null) throw repoNotFound(did);
        const state = accountState(account);
        const rev = state.active ? repos.head(account.id)?.rev : undefined;
        return { body: { did, ...state, ...(rev !== undefined && { rev }) } };
      },
    }),
    route<{ limit: number; cursor?: string }>('com.atproto.sync.listRepos', {
      handler({ params: { limit, cursor } }) {
        const page = accounts.page(cursor === undefined ? { createdAtMs: 0, did: '' } : parseCursor(cursor), limit);
        const last = page.at(-1);
        return { body: { ...(last && { cursor: `${last.createdAtMs}::${last.did}` }), repos: page.flatMap((account) => repoView(account, repos)) } };
      },
    }),
  ];
}

function repoView(account: Account, repos: RepoReader): Record<string, unknown>[] {
  const head = repos.head(account.id);
  return head === null ? [] : [{ did: account.did, head: head.cid.toString(), rev: head.rev, ...accountState(account) }];
}

function parseCursor(text: string): { createdAtMs: number; did: string } {
  const [, ms, did] = /^(\d{1,15})::(did:.+)$/.exec(text) ?? [];
  if (ms === undefined || did === undefined) throw invalidRequest('Malformed cursor');
  return { createdAtMs: Number(ms), did };
}
