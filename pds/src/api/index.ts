/**
 * The table of every XRPC method this server has, and what it says to the others.
 * Each group of methods gets the parts it uses. A method that is not here is another service's: passing calls on is not served,
 * so a stranger is asked who it is, as at the reference PDS, and an account is told 501.
 * Source: surface of the reference PDS.
 */
import type { Context } from '@dunlin/service/http/app';
import { clientAddress } from '@dunlin/service/http/client-address';
import { methodNotImplemented } from '@dunlin/service/xrpc/errors';
import type { XrpcRoute } from '@dunlin/service/xrpc/route';
import { preferenceRoutes } from './actor/preferences.ts';
import { adminAccountRoutes } from './admin/accounts.ts';
import { subjectStatusRoutes } from './admin/subject-status.ts';
import type { Authenticator } from './auth.ts';
import { handleRoutes } from './identity/handles.ts';
import { applyWritesRoute } from './repo/apply-writes.ts';
import { blobRoutes } from './repo/blobs.ts';
import { readRecordRoutes } from './repo/read-record.ts';
import { writeRecordRoutes } from './repo/write-record.ts';
import { createAccountRoute } from './server/create-account.ts';
import { describeServerRoute } from './server/describe-server.ts';
import { serviceAuthRoute } from './server/service-auth.ts';
import { sessionRoutes } from './server/session.ts';
import { standingRoutes } from './server/standing.ts';
import { syncBlobRoutes } from './sync/blobs.ts';
import { syncRepoRoutes } from './sync/repo.ts';
import { syncStatusRoutes } from './sync/status.ts';

/** What each group of methods is given, by group. */
export interface ApiParts {
  readonly createAccount: Parameters<typeof createAccountRoute>[0];
  readonly sessions: Parameters<typeof sessionRoutes>[0];
  readonly standing: Parameters<typeof standingRoutes>[0];
  readonly describeServer: Parameters<typeof describeServerRoute>[0];
  readonly serviceAuth: Parameters<typeof serviceAuthRoute>[0];
  readonly writes: Parameters<typeof writeRecordRoutes>[0];
  readonly reads: Parameters<typeof readRecordRoutes>[0];
  readonly blobs: Parameters<typeof blobRoutes>[0];
  readonly syncRepo: Parameters<typeof syncRepoRoutes>[0];
  readonly syncStatus: Parameters<typeof syncStatusRoutes>[0];
  readonly syncBlobs: Parameters<typeof syncBlobRoutes>[0];
  readonly handles: Parameters<typeof handleRoutes>[0];
  readonly adminAccounts: Parameters<typeof adminAccountRoutes>[0];
  readonly subjects: Parameters<typeof subjectStatusRoutes>[0];
  readonly preferences: Parameters<typeof preferenceRoutes>[0];
}

/** Gives every method. */
export function apiRoutes(parts: ApiParts): XrpcRoute[] {
  return [
    createAccountRoute(parts.createAccount),
    ...sessionRoutes(parts.sessions),
    ...standingRoutes(parts.standing),
    describeServerRoute(parts.describeServer),
    serviceAuthRoute(parts.serviceAuth),
    ...writeRecordRoutes(parts.writes),
    applyWritesRoute(parts.writes),
    ...readRecordRoutes(parts.reads),
    ...blobRoutes(parts.blobs),
    ...syncRepoRoutes(parts.syncRepo),
    ...syncStatusRoutes(parts.syncStatus),
    ...syncBlobRoutes(parts.syncBlobs),
    ...handleRoutes(parts.handles),
    ...adminAccountRoutes(parts.adminAccounts),
    ...subjectStatusRoutes(parts.subjects),
    ...preferenceRoutes(parts.preferences),
  ];
}

/** Gives the answer to methods that are not in the table. */
export function unknownMethod(auth: Authenticator): (context: Context) => Promise<void> {
  const access = auth.access({ allowTakendown: true });
  return async (context) => {
    context.set('cache-control', 'private');
    context.vary('Authorization');
    access({ headers: context.headers, ip: clientAddress(context.req) });
    throw methodNotImplemented();
  };
}
