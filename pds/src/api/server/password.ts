/**
 * com.atproto.server.requestPasswordReset and resetPassword: for people who cannot sign in.
 * What they do stands in `membership/password-changes.ts`.
 * Source: lexicons of those names; errors and limits as the reference PDS, which also tells whether an address is known.
 */
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { PasswordChanges } from '../../membership/password-changes.ts';
import { dayMs, fiveMinutesMs, hourMs, type Limits } from '../limits.ts';

/** Gives the methods. */
export function passwordRoutes({ passwordChanges, limits }: { passwordChanges: PasswordChanges; limits: Limits }): XrpcRoute[] {
  return [
    route<unknown, { email: string }>('com.atproto.server.requestPasswordReset', {
      rateLimit: limits.perAddress([50, dayMs], [15, hourMs]),
      handler: ({ input: { email } }) => passwordChanges.requestReset(email),
    }),
    route<unknown, { token: string; password: string }>('com.atproto.server.resetPassword', {
      rateLimit: limits.perAddress([50, fiveMinutesMs]),
      async handler({ input: { token, password } }) {
        await passwordChanges.reset(token, password);
      },
    }),
  ];
}
