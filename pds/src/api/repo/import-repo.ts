/**
 * com.atproto.repo.importRepo: a whole repository as CAR, into a deactivated account of one's own.
 * What it does stands in `migration/import-repo.ts`; bodies may be far larger than any other.
 * Source: lexicon of that name; rights as the reference PDS.
 */
import type { Readable } from 'node:stream';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { RepoImporter } from '../../migration/import-repo.ts';
import type { Authenticator, Caller } from '../auth.ts';
import { dayMs, hourMs, type Limits } from '../limits.ts';

/** Gives the method; `isAccepting` false refuses every import. */
export function importRepoRoute(o: { auth: Authenticator; importer: RepoImporter; isAccepting: boolean; maxBytes: number; limits: Limits }): XrpcRoute {
  return route<unknown, Readable, Caller>('com.atproto.repo.importRepo', {
    auth: o.auth.access({ scope: 'full', oauth: (permissions) => permissions.requireAccount('repo', 'manage') }),
    maxBytes: o.maxBytes,
    hasLongBody: true,
    rateLimit: o.limits.perAccount([20, hourMs], [50, dayMs]),
    async handler({ input, auth: { account, assertHolds } }) {
      if (!o.isAccepting) throw invalidRequest('Service is not accepting repo imports');
      await o.importer.import(account, whileHeld(input, assertHolds));
    },
  });
}

/** Ends with a fault where its sender has lost the right to send it: a body may take hours. */
async function* whileHeld(body: Readable, assertHolds: () => void): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of body) yield chunk as Uint8Array;
  assertHolds();
}
