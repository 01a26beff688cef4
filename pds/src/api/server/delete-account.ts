/**
 * com.atproto.server.requestAccountDelete and deleteAccount: the way out for good.
 * Asking takes a session with the account's own password; deleting takes the password and the code that was sent.
 * Source: lexicons of those names; errors and limits as the reference PDS.
 */
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { Departures } from '../../membership/departures.ts';
import type { Authenticator, Caller } from '../auth.ts';
import { dayMs, fiveMinutesMs, hourMs, type Limits } from '../limits.ts';

/** Gives the methods. */
export function deleteAccountRoutes({ auth, departures, limits }: { auth: Authenticator; departures: Departures; limits: Limits }): XrpcRoute[] {
  return [
    route<unknown, unknown, Caller>('com.atproto.server.requestAccountDelete', {
      auth: auth.access({ scope: 'full' }),
      rateLimit: limits.perAccount([15, dayMs], [5, hourMs]),
      handler: ({ auth: { account } }) => departures.requestDeletion(account),
    }),
    route<unknown, { did: string; password: string; token: string }>('com.atproto.server.deleteAccount', {
      rateLimit: limits.perAddress([50, fiveMinutesMs]),
      handler: ({ input: { did, password, token } }) => departures.delete(did, password, token),
    }),
  ];
}
