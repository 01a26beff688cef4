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
  readonly importRepo: Parameters<typeof importRepoRoute>[0];
  readonly syncRepo: Parameters<typeof syncRepoRoutes>[0];
  readonly syncStatus: Parameters<typeof syncStatusRoutes>[0];
  readonly syncBlobs: Parameters<typeof syncBlobRoutes>[0];
  readonly handles: Parameters<typeof handleRoutes>[0];
  readonly adminAccounts: Parameters<typeof adminAccountRoutes>[0];
  readonly subjects: Parameters<typeof subjectStatusRoutes>[0];
  readonly preferences: Parameters<typeof preferenceRoutes>[0];
  readonly appPasswords: Parameters<typeof appPasswordRoutes>[0];
  readonly email: Parameters<typeof emailRoutes>[0];
  readonly password: Parameters<typeof passwordRoutes>[0];
  readonly deleteAccount: Parameters<typeof deleteAccountRoutes>[0];
  readonly invites: Parameters<typeof inviteRoutes>[0];
  readonly signingKey: Parameters<typeof signingKeyRoute>[0];
  readonly signUp: Parameters<typeof signUpRoutes>[0];
  readonly plcOperations: Parameters<typeof plcOperationRoutes>[0];
  readonly resolve: Parameters<typeof resolveRoutes>[0];
  readonly lexicon: Parameters<typeof resolveLexiconRoute>[0];
  readonly accountChanges: Parameters<typeof accountChangeRoutes>[0];
  readonly adminInvites: Parameters<typeof adminInviteRoutes>[0];
  readonly factors: Parameters<typeof factorRoutes>[0];
  readonly passkeyChecks: Parameters<typeof passkeyCheckRoutes>[0];
  readonly adminFactors: Parameters<typeof adminFactorRoutes>[0];
  readonly notification: Parameters<typeof notificationRoutes>[0];
  /** What every call costs its address. */
  readonly everyCall: readonly RateLimitRule<LimitedRequest>[];
  /** For methods that are not in the table. */
  readonly proxy: Parameters<typeof passOn>[0];
  readonly adminMail: Parameters<typeof adminMailRoutes>[0];
  readonly missingBlobs: Parameters<typeof missingBlobRoutes>[0];
  readonly moves: Parameters<typeof moveRoutes>[0];
  readonly hostedDids: Parameters<typeof hostedDidRoutes>[0];
  readonly renameHost: Parameters<typeof renameHostRoutes>[0];
  readonly archiveTicket: Parameters<typeof archiveTicketRoute>[0];
  readonly restore: Parameters<typeof restoreRoutes>[0];
  readonly overview: Parameters<typeof overviewRoutes>[0];
  readonly accountOverview: Parameters<typeof accountOverviewRoutes>[0];
  /** What an operator does is remembered with these. */
  readonly acts: Parameters<typeof actRoutes>[0] & ActParts;
  readonly adminMoves: Parameters<typeof adminMoveRoutes>[0];
  readonly blobTrash: Parameters<typeof blobTrashRoutes>[0];
}

/** Gives every method; what operators change is remembered around it. */
export function apiRoutes(parts: ApiParts, lexicons: Lexicons): XrpcRoute[] {
  const isQuery = (nsid: string): boolean => mainTypeOf(lexicons, nsid) === 'query';
  return rememberActs(allRoutes(parts), isQuery, parts.acts);
}

function allRoutes(parts: ApiParts): XrpcRoute[] {
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
    importRepoRoute(parts.importRepo),
    ...syncRepoRoutes(parts.syncRepo),
    ...syncStatusRoutes(parts.syncStatus),
    ...syncBlobRoutes(parts.syncBlobs),
    ...handleRoutes(parts.handles),
    ...adminAccountRoutes(parts.adminAccounts),
    ...subjectStatusRoutes(parts.subjects),
    ...preferenceRoutes(parts.preferences),
    ...appPasswordRoutes(parts.appPasswords),
    ...emailRoutes(parts.email),
    ...passwordRoutes(parts.password),
    ...deleteAccountRoutes(parts.deleteAccount),
    ...inviteRoutes(parts.invites),
    signingKeyRoute(parts.signingKey),
    ...signUpRoutes(parts.signUp),
    ...plcOperationRoutes(parts.plcOperations),
    ...resolveRoutes(parts.resolve),
    resolveLexiconRoute(parts.lexicon),
    ...accountChangeRoutes(parts.accountChanges),
    ...adminInviteRoutes(parts.adminInvites),
    ...factorRoutes(parts.factors),
    ...passkeyCheckRoutes(parts.passkeyChecks),
    ...adminFactorRoutes(parts.adminFactors),
    ...adminMailRoutes(parts.adminMail),
    ...missingBlobRoutes(parts.missingBlobs),
    ...moveRoutes(parts.moves),
    ...blobTrashRoutes(parts.blobTrash),
    ...adminMoveRoutes(parts.adminMoves),
    ...restoreRoutes(parts.restore),
    archiveTicketRoute(parts.archiveTicket),
    ...notificationRoutes(parts.notification),
    ...hostedDidRoutes(parts.hostedDids),
    ...renameHostRoutes(parts.renameHost),
    ...overviewRoutes(parts.overview),
    ...accountOverviewRoutes(parts.accountOverview),
    ...actRoutes(parts.acts),
  ];
}
