/**
 * com.atproto.server.reserveSigningKey: a key for an account that is still to come, so that its DID can name it before.
 * Anybody may ask. The private half never leaves this server.
 * Source: lexicon of that name; behaviour of the reference PDS.
 */
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { ReservedKeys } from '../../account/reserved-keys.ts';
import type { GroupCommit } from '../../sequencer/group-commit.ts';
import { dayMs, fiveMinutesMs, type Limits } from '../limits.ts';

/** Gives the method. */
export function signingKeyRoute(o: { reservedKeys: ReservedKeys; groups: GroupCommit; limits: Limits }): XrpcRoute {
  return route<unknown, { did?: string }>('com.atproto.server.reserveSigningKey', {
    rateLimit: o.limits.perAddress([20, fiveMinutesMs], [200, dayMs]),
    async handler({ input, ip }) {
      const keypair = await o.groups.write(() => o.reservedKeys.reserve(input.did ?? null, ip));
      return { body: { signingKey: keypair.did } };
    },
  });
}
