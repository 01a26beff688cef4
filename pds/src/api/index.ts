/**
 * The table of every XRPC method this server has, and what it says to the others.
 * Each group of methods gets the parts it uses. A method that is not here is another service's, and the call is passed on
 * to it (`proxy.ts`).
 * Source: surface of the reference PDS.
 */
import type { RateLimitRule } from '@dunlin/service/http/rate-limit';
import { mainTypeOf, type Lexicons } from '@dunlin/service/xrpc/lexicons';
import type { XrpcRoute } from '@dunlin/service/xrpc/route';
import { archiveTicketRoute } from './account/archive.ts';
import { factorRoutes } from './account/factors.ts';
import { moveRoutes } from './account/moves.ts';
import { passkeyCheckRoutes } from './account/passkey-check.ts';
import { restoreRoutes } from './account/restore.ts';
import { preferenceRoutes } from './actor/preferences.ts';
import { accountChangeRoutes } from './admin/account-changes.ts';
import { adminAccountRoutes } from './admin/accounts.ts';
import { actRoutes, rememberActs, type ActParts } from './admin/acts.ts';
import { accountOverviewRoutes } from './admin/account-overview.ts';
import { adminFactorRoutes } from './admin/factors.ts';
import { adminInviteRoutes } from './admin/invites.ts';
import { adminMailRoutes } from './admin/mail.ts';
import { blobTrashRoutes } from './admin/blob-trash.ts';
import { missingBlobRoutes } from './admin/missing-blobs.ts';
import { adminMoveRoutes } from './admin/moves.ts';
import { overviewRoutes } from './admin/overview.ts';
import { renameHostRoutes } from './admin/rename-host.ts';
import { subjectStatusRoutes } from './admin/subject-status.ts';
import { handleRoutes } from './identity/handles.ts';
import { hostedDidRoutes } from './identity/hosted-did.ts';
import { plcOperationRoutes } from './identity/plc-operations.ts';
import { resolveRoutes } from './identity/resolve.ts';
import { resolveLexiconRoute } from './lexicon.ts';
import type { LimitedRequest } from './limits.ts';
import { notificationRoutes } from './notification.ts';
import type { passOn } from './proxy.ts';
import { applyWritesRoute } from './repo/apply-writes.ts';
import { blobRoutes } from './repo/blobs.ts';
import { importRepoRoute } from './repo/import-repo.ts';
import { readRecordRoutes } from './repo/read-record.ts';
import { writeRecordRoutes } from './repo/write-record.ts';
import { appPasswordRoutes } from './server/app-passwords.ts';
import { createAccountRoute } from './server/create-account.ts';
import { deleteAccountRoutes } from './server/delete-account.ts';
import { describeServerRoute } from './server/describe-server.ts';
import { emailRoutes } from './server/email.ts';
import { inviteRoutes } from './server/invites.ts';
import { passwordRoutes } from './server/password.ts';
import { serviceAuthRoute } from './server/service-auth.ts';
import { sessionRoutes } from './server/session.ts';
import { signingKeyRoute } from './server/signing-key.ts';
import { standingRoutes } from './server/standing.ts';
import { syncBlobRoutes } from './sync/blobs.ts';
import { syncRepoRoutes } from './sync/repo.ts';
import { syncStatusRoutes } from './sync/status.ts';
import { signUpRoutes } from './temp/sign-up.ts';

/** The groups of methods, and what makes each. */
const groups = {
  createAccount: createAccountRoute,
  sessions: sessionRoutes,
  standing: standingRoutes,
  describeServer: describeServerRoute,
  serviceAuth: serviceAuthRoute,
  writes: (parts: Parameters<typeof writeRecordRoutes>[0]) => [...writeRecordRoutes(parts), applyWritesRoute(parts)],
  reads: readRecordRoutes,
  blobs: blobRoutes,
  importRepo: importRepoRoute,
  syncRepo: syncRepoRoutes,
  syncStatus: syncStatusRoutes,
  syncBlobs: syncBlobRoutes,
  handles: handleRoutes,
  adminAccounts: adminAccountRoutes,
  subjects: subjectStatusRoutes,
  preferences: preferenceRoutes,
  appPasswords: appPasswordRoutes,
  email: emailRoutes,
  password: passwordRoutes,
  deleteAccount: deleteAccountRoutes,
  invites: inviteRoutes,
  signingKey: signingKeyRoute,
  signUp: signUpRoutes,
  plcOperations: plcOperationRoutes,
  resolve: resolveRoutes,
  lexicon: resolveLexiconRoute,
  accountChanges: accountChangeRoutes,
  adminInvites: adminInviteRoutes,
  factors: factorRoutes,
  passkeyChecks: passkeyCheckRoutes,
  adminFactors: adminFactorRoutes,
  adminMail: adminMailRoutes,
  missingBlobs: missingBlobRoutes,
  moves: moveRoutes,
  blobTrash: blobTrashRoutes,
  adminMoves: adminMoveRoutes,
  restore: restoreRoutes,
  archiveTicket: archiveTicketRoute,
  notification: notificationRoutes,
  hostedDids: hostedDidRoutes,
  renameHost: renameHostRoutes,
  overview: overviewRoutes,
  accountOverview: accountOverviewRoutes,
  /** What an operator does is remembered with these, too. */
  acts: (parts: Parameters<typeof actRoutes>[0] & ActParts) => actRoutes(parts),
};

/** What each group of methods is given, by group. */
type GroupParts = { readonly [Name in keyof typeof groups]: Parameters<(typeof groups)[Name]>[0] };

/** What the table is given. */
export interface ApiParts extends GroupParts {
  /** What every call costs its address. */
  readonly everyCall: readonly RateLimitRule<LimitedRequest>[];
  /** For methods that are not in the table. */
  readonly proxy: Parameters<typeof passOn>[0];
}

/** Gives every method; what operators change is remembered around it. */
export function apiRoutes(parts: ApiParts, lexicons: Lexicons): XrpcRoute[] {
  const isQuery = (nsid: string): boolean => mainTypeOf(lexicons, nsid) === 'query';
  return rememberActs(allRoutes(parts), isQuery, parts.acts);
}

function allRoutes(parts: ApiParts): XrpcRoute[] {
  return (Object.keys(groups) as (keyof GroupParts)[]).flatMap((name) => routesOf(name, parts));
}

function routesOf<Name extends keyof GroupParts>(name: Name, parts: GroupParts): XrpcRoute | XrpcRoute[] {
  const makers: { readonly [Each in keyof GroupParts]: (part: GroupParts[Each]) => XrpcRoute | XrpcRoute[] } = groups;
  return makers[name](parts[name]);
}
