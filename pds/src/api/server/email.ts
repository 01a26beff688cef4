/**
 * com.atproto.server.requestEmailConfirmation, confirmEmail, requestEmailUpdate and updateEmail.
 * What they do stands in `membership/email-changes.ts`; changing the address takes the account's own password.
 * Source: lexicons of those names; errors, limits and rights as the reference PDS.
 */
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { EmailChanges } from '../../membership/email-changes.ts';
import type { AccessRules, Authenticator, Caller } from '../auth.ts';
import { dayMs, hourMs, type Limits } from '../limits.ts';

/** Gives the methods. */
export function emailRoutes({ auth, emailChanges, limits }: { auth: Authenticator; emailChanges: EmailChanges; limits: Limits }): XrpcRoute[] {
  const confirming: AccessRules = { oauth: (permissions) => permissions.requireAccount('email', 'manage') };
  const changing: AccessRules = { scope: 'full', oauth: { refused: 'Use the account manager interface to update email address associated with an account' } };
  return [
    route<unknown, unknown, Caller>('com.atproto.server.requestEmailConfirmation', {
      auth: auth.access(confirming),
      rateLimit: limits.perAccount([15, dayMs], [5, hourMs]),
      handler: ({ auth: { account } }) => emailChanges.requestConfirmation(account),
    }),
    route<unknown, { email: string; token: string }, Caller>('com.atproto.server.confirmEmail', {
      auth: auth.access(confirming),
      rateLimit: limits.perAccount([50, hourMs]),
      handler: ({ input: { email, token }, auth: { account } }) => emailChanges.confirm(account, email, token),
    }),
    route<unknown, unknown, Caller>('com.atproto.server.requestEmailUpdate', {
      auth: auth.access(changing),
      rateLimit: limits.perAccount([15, dayMs], [5, hourMs]),
      async handler({ auth: { account } }) {
        return { body: await emailChanges.requestUpdate(account) };
      },
    }),
    route<unknown, { email: string; token?: string; emailAuthFactor?: boolean }, Caller>('com.atproto.server.updateEmail', {
      auth: auth.access(changing),
      rateLimit: limits.perAccount([50, hourMs]),
      handler: ({ input: { email, token }, auth: { account } }) => emailChanges.update(account, email, token ?? null),
    }),
  ];
}
