/**
 * com.atproto.admin methods that tell of accounts or end them: getAccountInfo, getAccountInfos, searchAccounts, deleteAccount.
 * For the operator; the telling ones also for the moderation service the operator named.
 * Source: lexicons of those names; shapes as the reference PDS, which has no search.
 */
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { Account } from '../../account/account.ts';
import type { AccountStore } from '../../account/account-store.ts';
import type { AccountStanding } from '../../membership/standing.ts';
import type { InviteStore } from '../../invite/invite-store.ts';
import type { Authenticator } from '../auth.ts';
import { readNumberCursor } from '../cursors.ts';
import { accountView } from './account-view.ts';

/** Most accounts that one call tells of. */
const maxDids = 100;

/** Gives the methods. */
export function adminAccountRoutes(o: { auth: Authenticator; accounts: AccountStore; invites: InviteStore; standing: AccountStanding }): XrpcRoute[] {
  const { auth, accounts, invites, standing } = o;
  return [
    route<{ did: string }, unknown, unknown>('com.atproto.admin.getAccountInfo', {
      auth: (call) => auth.moderator(call),
      handler: ({ params: { did } }) => ({ body: accountView(requireAccount(accounts, did), invites) }),
    }),
    route<{ dids: readonly string[] }, unknown, unknown>('com.atproto.admin.getAccountInfos', {
      auth: (call) => auth.moderator(call),
      handler({ params: { dids } }) {
        if (dids.length > maxDids) throw invalidRequest(`too many dids: count=${dids.length} max=${maxDids}`);
        const found = dids.map((did) => accounts.byDid(did)).filter((account) => account !== null);
        return { body: { infos: found.map((account) => accountView(account, invites)) } };
      },
    }),
    route<{ email?: string; cursor?: string; limit: number }, unknown, unknown>('com.atproto.admin.searchAccounts', {
      auth: (call) => auth.moderator(call),
      handler({ params: { email = '', cursor, limit } }) {
        const found = accounts.search(email, readNumberCursor(cursor, 0), limit);
        const last = found.at(-1);
        const isMore = last !== undefined && found.length === limit;
        return { body: { ...(isMore && { cursor: String(last.id) }), accounts: found.map((account) => accountView(account, invites)) } };
      },
    }),
    route<unknown, { did: string }, unknown>('com.atproto.admin.deleteAccount', {
      auth: auth.admin,
      async handler({ input: { did } }) {
        await standing.delete(requireAccount(accounts, did));
      },
    }),
  ];
}

/** Gives the account that a DID, a handle or an e-mail address names. @throws XrpcError 400 NotFound */
export function requireAccount(accounts: AccountStore, identifier: string): Account {
  const account = accounts.byIdentifier(identifier);
  if (account === null) throw invalidRequest('Account not found', 'NotFound');
  return account;
}
