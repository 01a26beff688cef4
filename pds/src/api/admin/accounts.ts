/**
 * com.atproto.admin methods on accounts: getAccountInfo, getAccountInfos, updateAccountHandle, deleteAccount.
 * For the operator only. Source: lexicons of those names; shapes as the reference PDS.
 * An operator may give reserved labels away.
 */
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { Account } from '../../account/account.ts';
import type { AccountStore } from '../../account/account-store.ts';
import type { AccountStanding } from '../../account/standing.ts';
import type { HandleChange } from '../../identity/handle-change.ts';
import type { HandleChoice } from '../../identity/handle-choice.ts';
import type { Authenticator } from '../auth.ts';

/** Most accounts that one call tells of. */
const maxDids = 100;

/** Gives the methods. */
export function adminAccountRoutes(o: {
  auth: Authenticator; accounts: AccountStore; standing: AccountStanding; choice: HandleChoice; change: HandleChange;
}): XrpcRoute[] {
  const { admin } = o.auth;
  return [
    route<{ did: string }, unknown, unknown>('com.atproto.admin.getAccountInfo', {
      auth: admin,
      handler: ({ params: { did } }) => ({ body: accountView(require(o.accounts, did)) }),
    }),
    route<{ dids: readonly string[] }, unknown, unknown>('com.atproto.admin.getAccountInfos', {
      auth: admin,
      handler({ params: { dids } }) {
        if (dids.length > maxDids) throw invalidRequest(`too many dids: count=${dids.length} max=${maxDids}`);
        return { body: { infos: dids.map((did) => o.accounts.byDid(did)).filter((account) => account !== null).map(accountView) } };
      },
    }),
    route<unknown, { did: string; handle: string }, unknown>('com.atproto.admin.updateAccountHandle', {
      auth: admin,
      async handler({ input: { did, handle } }) {
        await o.change.apply(require(o.accounts, did), await o.choice.check(handle, did, { allowReserved: true }));
      },
    }),
    route<unknown, { did: string }, unknown>('com.atproto.admin.deleteAccount', {
      auth: admin,
      async handler({ input: { did } }) {
        await o.standing.delete(require(o.accounts, did));
      },
    }),
  ];
}

function require(accounts: AccountStore, did: string): Account {
  const account = accounts.byDid(did);
  if (account === null) throw invalidRequest(`Account not found: ${did}`, 'NotFound');
  return account;
}

function accountView(account: Account): Record<string, unknown> {
  return {
    did: account.did,
    handle: account.handle,
    ...(account.email !== null && { email: account.email }),
    indexedAt: new Date(account.createdAtMs).toISOString(),
    ...(account.emailConfirmedAtMs !== null && { emailConfirmedAt: new Date(account.emailConfirmedAtMs).toISOString() }),
    invites: [],
    invitesDisabled: false,
    ...(account.deactivatedAtMs !== null && { deactivatedAt: new Date(account.deactivatedAtMs).toISOString() }),
  };
}
