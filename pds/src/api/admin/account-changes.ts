/**
 * com.atproto.admin.updateAccountEmail, updateAccountHandle, updateAccountPassword and updateAccountSigningKey, and
 * com.atproto.temp.revokeAccountCredentials: what an operator changes of an account, without asking it.
 * An operator may give reserved labels away. Source: lexicons of those names; behaviour of the reference PDS where it has them.
 */
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { AccountStore } from '../../account/account-store.ts';
import type { EmailChanges } from '../../membership/email-changes.ts';
import type { PasswordChanges } from '../../membership/password-changes.ts';
import type { HandleChange } from '../../identity/handle-change.ts';
import type { HandleChoice } from '../../identity/handle-choice.ts';
import type { KeyChange } from '../../identity/key-change.ts';
import type { Authenticator } from '../auth.ts';
import { requireAccount } from './accounts.ts';

/** Gives the methods. */
export function accountChangeRoutes(o: {
  auth: Authenticator; accounts: AccountStore; emailChanges: EmailChanges; passwordChanges: PasswordChanges;
  choice: HandleChoice; change: HandleChange; keyChange: KeyChange;
}): XrpcRoute[] {
  const { admin } = o.auth;
  return [
    route<unknown, { account: string; email: string }, unknown>('com.atproto.admin.updateAccountEmail', {
      auth: admin,
      handler: ({ input: { account, email } }) => o.emailChanges.set(requireAccount(o.accounts, account), email),
    }),
    route<unknown, { did: string; handle: string }, unknown>('com.atproto.admin.updateAccountHandle', {
      auth: admin,
      async handler({ input: { did, handle } }) {
        const account = requireAccount(o.accounts, did);
        await o.change.apply(account, await o.choice.check(handle, did, { allowReserved: true }));
      },
    }),
    route<unknown, { did: string; password: string }, unknown>('com.atproto.admin.updateAccountPassword', {
      auth: admin,
      handler: ({ input: { did, password } }) => o.passwordChanges.set(requireAccount(o.accounts, did), password),
    }),
    route<unknown, { did: string; signingKey: string }, unknown>('com.atproto.admin.updateAccountSigningKey', {
      auth: admin,
      handler: ({ input: { did, signingKey } }) => o.keyChange.apply(requireAccount(o.accounts, did), signingKey),
    }),
    route<unknown, { account: string }, unknown>('com.atproto.temp.revokeAccountCredentials', {
      auth: admin,
      handler: ({ input }) => o.passwordChanges.revokeAll(requireAccount(o.accounts, input.account)),
    }),
  ];
}
