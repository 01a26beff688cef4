/**
 * com.atproto.identity.requestPlcOperationSignature, signPlcOperation and submitPlcOperation.
 * What they do stands in `identity/plc-operations.ts`; asking and signing take the account's own password.
 * Source: lexicons of those names; rights and texts as the reference PDS.
 */
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { PlcOperations, WantedPlcState } from '../../identity/plc-operations.ts';
import type { AccessRules, Authenticator, Caller } from '../auth.ts';
import { dayMs, hourMs, type Limits } from '../limits.ts';

/** Gives the methods. */
export function plcOperationRoutes({ auth, plcOperations, limits }: { auth: Authenticator; plcOperations: PlcOperations; limits: Limits }): XrpcRoute[] {
  const signing: AccessRules = { scope: 'full', allowTakendown: true, oauth: (permissions) => permissions.requireIdentity('*') };
  return [
    route<unknown, unknown, Caller>('com.atproto.identity.requestPlcOperationSignature', {
      auth: auth.access(signing),
      rateLimit: limits.perAccount([15, dayMs], [5, hourMs]),
      handler: ({ auth: { account } }) => plcOperations.requestSignature(account),
    }),
    route<unknown, WantedPlcState & { token?: string }, Caller>('com.atproto.identity.signPlcOperation', {
      auth: auth.access(signing),
      rateLimit: limits.perAccount([50, hourMs]),
      async handler({ input: { token, ...wanted }, auth: { account } }) {
        if (token === undefined || token === '') throw invalidRequest('email confirmation token required to sign PLC operations');
        return { body: { operation: await plcOperations.sign(account, token, wanted) } };
      },
    }),
    route<unknown, { operation: unknown }, Caller>('com.atproto.identity.submitPlcOperation', {
      auth: auth.access({ oauth: (permissions) => permissions.requireIdentity('*') }),
      rateLimit: limits.perAccount([50, hourMs]),
      handler: ({ input: { operation }, auth: { account } }) => plcOperations.submit(account, operation),
    }),
  ];
}
