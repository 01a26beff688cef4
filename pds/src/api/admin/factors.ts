/**
 * app.dunlin.admin.removeFactors: the operator's way to let somebody in again who lost phone, passkeys and recovery codes.
 * That they are who they say is for the operator to find out; their password is still asked for.
 * Source: lexicon of that name, ours.
 */
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { AccountStore } from '../../account/account-store.ts';
import type { Factors } from '../../factor/factors.ts';
import type { Authenticator } from '../auth.ts';

/** Gives the method. */
export function adminFactorRoutes({ auth, accounts, factors }: { auth: Authenticator; accounts: AccountStore; factors: Factors }): XrpcRoute[] {
  return [
    route<unknown, { did: string }, unknown>('app.dunlin.admin.removeFactors', {
      auth: auth.admin,
      async handler({ input }) {
        const account = accounts.byDid(input.did);
        if (account === null) throw invalidRequest(`Account not found: ${input.did}`, 'NotFound');
        await factors.removeAll(account);
      },
    }),
  ];
}
