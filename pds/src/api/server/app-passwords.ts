/**
 * com.atproto.server.createAppPassword, listAppPasswords and revokeAppPassword.
 * Making one takes the account's own password; the secret is shown once, in the answer.
 * Source: lexicons of those names; behaviour of the reference PDS.
 */
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { AppPassword } from '../../account/app-password-store.ts';
import type { AppPasswords } from '../../account/app-passwords.ts';
import type { Authenticator, Caller } from '../auth.ts';

/** Gives the methods. */
export function appPasswordRoutes({ auth, appPasswords }: { auth: Authenticator; appPasswords: AppPasswords }): XrpcRoute[] {
  return [
    route<unknown, { name: string; privileged?: boolean }, Caller>('com.atproto.server.createAppPassword', {
      auth: auth.access({ scope: 'full' }),
      async handler({ input, auth: { account } }) {
        const { password, ...made } = await appPasswords.create(account, { name: input.name, isPrivileged: input.privileged ?? false });
        const { name, ...others } = appPasswordView(made);
        return { body: { name, password, ...others } };
      },
    }),
    route<unknown, unknown, Caller>('com.atproto.server.listAppPasswords', {
      auth: auth.access(),
      handler: ({ auth: { account } }) => ({ body: { passwords: appPasswords.list(account.id).map(appPasswordView) } }),
    }),
    route<unknown, { name: string }, Caller>('com.atproto.server.revokeAppPassword', {
      auth: auth.access(),
      handler: ({ input, auth: { account } }) => appPasswords.revoke(account.id, input.name),
    }),
  ];
}

function appPasswordView({ name, createdAtMs, isPrivileged }: AppPassword): { name: string; createdAt: string; privileged: boolean } {
  return { name, createdAt: new Date(createdAtMs).toISOString(), privileged: isPrivileged };
}
