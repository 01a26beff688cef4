/**
 * com.atproto.server.activateAccount, deactivateAccount and checkAccountStatus: an account's own way in and out of service.
 * Activation asks the network first: an account whose DID document names another server or key would only confuse its readers.
 * Source: lexicons of those names; behaviour of the reference PDS. `importedBlobs` counts what records name, not every upload.
 */
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { Account } from '../../account/account.ts';
import type { PreferenceStore } from '../../account/preference-store.ts';
import type { AccountStanding } from '../../membership/standing.ts';
import type { BlobStore } from '../../blob/blob-store.ts';
import type { DocumentCheck } from '../../identity/document-check.ts';
import type { RepoReader } from '../../repo/read.ts';
import type { Authenticator, Caller } from '../auth.ts';

/** Gives the methods. */
export function standingRoutes(o: {
  auth: Authenticator; standing: AccountStanding; documents: DocumentCheck; repos: RepoReader; blobs: BlobStore; preferences: PreferenceStore;
}): XrpcRoute[] {
  return [
    route<unknown, unknown, Caller>('com.atproto.server.activateAccount', {
      auth: o.auth.access({ scope: 'full', oauth: { refused: 'Account reactivation is not available with OAuth credentials. Sign in to your account management page to reactivate.' } }),
      async handler({ auth: { account } }) {
        const fault = await o.documents.faultOf(account);
        if (fault !== null) throw invalidRequest(fault);
        await o.standing.reactivate(account.id);
      },
    }),
    route<unknown, { deleteAfter?: string }, Caller>('com.atproto.server.deactivateAccount', {
      auth: o.auth.access({ scope: 'full', allowTakendown: true, oauth: (permissions) => permissions.requireAccount('status', 'manage') }),
      async handler({ input, auth: { account } }) {
        await o.standing.deactivate(account.id, input.deleteAfter ?? null);
      },
    }),
    route<unknown, unknown, Caller>('com.atproto.server.checkAccountStatus', {
      auth: o.auth.access({ allowTakendown: true, oauth: 'allowed' }),
      async handler({ auth: { account } }) {
        return { body: await statusView(account, o) };
      },
    }),
  ];
}

async function statusView(
  account: Account,
  o: { documents: DocumentCheck; repos: RepoReader; blobs: BlobStore; preferences: PreferenceStore },
): Promise<Record<string, unknown>> {
  const isValidDid = await o.documents.isSeenRight(account);
  const head = o.repos.head(account.id);
  const { blocks, records } = o.repos.counts(account.id);
  const { named, held } = o.blobs.counts(account.id);
  return {
    activated: account.deactivatedAtMs === null,
    validDid: isValidDid,
    repoCommit: head?.cid.toString() ?? '',
    repoRev: head?.rev ?? '',
    repoBlocks: blocks,
    indexedRecords: records,
    privateStateValues: o.preferences.list(account.id).length,
    expectedBlobs: named,
    importedBlobs: held,
  };
}
