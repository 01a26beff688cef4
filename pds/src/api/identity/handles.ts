/**
 * com.atproto.identity.resolveHandle, updateHandle and getRecommendedDidCredentials.
 * Handles of this server are answered from the table, others by asking the network.
 * Source: lexicons of those names; behaviour of the reference PDS.
 */
import { ProtocolError } from '@dunlin/protocol/base/errors';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { AccountStore } from '../../account/account-store.ts';
import type { SigningKeys } from '../../account/signing-keys.ts';
import type { HandleChange } from '../../identity/handle-change.ts';
import type { HandleChoice } from '../../identity/handle-choice.ts';
import type { PlcClient } from '../../identity/plc-client.ts';
import type { ServerIdentity } from '../../identity/server-identity.ts';
import type { Authenticator, Caller } from '../auth.ts';
import { dayMs, fiveMinutesMs, type Limits } from '../limits.ts';

/** Gives the methods. */
export function handleRoutes(o: {
  auth: Authenticator; accounts: AccountStore; resolver: IdentityResolver; choice: HandleChoice; change: HandleChange;
  keys: SigningKeys; plc: PlcClient; server: ServerIdentity; domains: readonly string[]; limits: Limits;
}): XrpcRoute[] {
  return [
    route<{ handle: string }>('com.atproto.identity.resolveHandle', {
      async handler({ params }) {
        const handle = params.handle.toLowerCase();
        const did = o.accounts.byHandle(handle)?.did ?? (await elsewhere(handle, o));
        if (did === null) throw invalidRequest('Unable to resolve handle', 'HandleNotFound');
        return { body: { did } };
      },
    }),
    route<unknown, { handle: string }, Caller>('com.atproto.identity.updateHandle', {
      auth: o.auth.access({ oauth: (permissions) => permissions.requireIdentity('handle') }),
      rateLimit: o.limits.perAccount([10, fiveMinutesMs], [50, dayMs]),
      async handler({ input, auth: { account } }) {
        await o.change.apply(account, await o.choice.check(input.handle, account.did));
      },
    }),
    route<unknown, unknown, Caller>('com.atproto.identity.getRecommendedDidCredentials', {
      auth: o.auth.access({ allowTakendown: true, oauth: 'allowed' }),
      handler: ({ auth: { account } }) => ({
        body: {
          alsoKnownAs: [`at://${account.handle}`],
          verificationMethods: { atproto: o.keys.of(account.id).did },
          rotationKeys: o.plc.rotationKeys(),
          services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: o.server.publicUrl } },
        },
      }),
    }),
  ];
}

/** Asks the network, but not for names under our own domains: those we would know. */
async function elsewhere(handle: string, { resolver, domains }: { resolver: IdentityResolver; domains: readonly string[] }): Promise<string | null> {
  if (domains.some((domain) => handle.endsWith(domain))) return null;
  try {
    return await resolver.resolveHandle(handle);
  } catch (fault) {
    if (fault instanceof ProtocolError) return null;
    throw fault;
  }
}
