/**
 * app.dunlin.admin.fetchMissingBlobs: the operator's way to complete an account whose move left blobs behind.
 * Each call works for a while and gives a cursor; the caller asks again until there is none.
 * Source: lexicon of that name, ours.
 */
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { AccountStore } from '../../account/account-store.ts';
import type { MissingBlobs } from '../../blob/fetch-missing.ts';
import type { Authenticator } from '../auth.ts';
import { readCidCursor } from '../cursors.ts';

/** Gives the method. */
export function missingBlobRoutes({ auth, accounts, missingBlobs }: { auth: Authenticator; accounts: AccountStore; missingBlobs: MissingBlobs }): XrpcRoute[] {
  return [
    route<unknown, { did: string; from: string; cursor?: string }, unknown>('app.dunlin.admin.fetchMissingBlobs', {
      auth: auth.admin,
      async handler({ input }) {
        const account = accounts.byDid(input.did);
        if (account === null) throw invalidRequest(`Account not found: ${input.did}`, 'NotFound');
        const after = readCidCursor(input.cursor);
        const { cursor, failed, ...counts } = await missingBlobs.fetch(account, { from: originOf(input.from), after });
        const failures = failed.map(({ cid, reason }) => ({ cid: cid.toString(), reason }));
        return { body: { ...counts, failed: failures, ...(cursor !== null && { cursor: cursor.toString() }) } };
      },
    }),
  ];
}

function originOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['http:', 'https:'].includes(url.protocol)) throw invalidRequest('from must be an https URL');
  return url.origin;
}
