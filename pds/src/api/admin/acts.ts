/**
 * Which methods are acts of an operator, how each is remembered around its handler, and app.dunlin.admin.listActs, which tells of them.
 * An act is remembered once its caller and its input are known to be right, and durable before the handler begins; what only reads,
 * or was refused before that, is not, nor is a dry run, or a call that only goes on with one that was remembered: a cursor says so, and
 * the trail must bear it out. Not for what is kept (`audit/audit-log.ts`). Source: ours.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { readAuthorization } from '@dunlin/service/xrpc/auth';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import { route, type XrpcCall, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { AccountStore } from '../../account/account-store.ts';
import type { AuditLog, RememberedAct } from '../../audit/audit-log.ts';
import type { GroupCommit } from '../../sequencer/group-commit.ts';
import type { Authenticator } from '../auth.ts';
import { aboveAll, readNumberCursor } from '../cursors.ts';

/** What remembering uses. */
export interface ActParts {
  readonly audit: AuditLog;
  readonly accounts: AccountStore;
  readonly groups: GroupCommit;
  readonly clock: Clock;
  /** The moderation service that may act too; null for none. */
  readonly modServiceDid: string | null;
}

/** Methods outside the admin namespaces that only an operator may call. */
const operatorMethods: ReadonlySet<string> = new Set([
  'com.atproto.server.createInviteCode', 'com.atproto.server.createInviteCodes', 'com.atproto.temp.revokeAccountCredentials',
]);

/** Others may call it too; with the operator's password it is an act. */
const refreshIdentity = 'com.atproto.identity.refreshIdentity';

/** Fields of inputs that are nobody's to read later: passwords, and what letters say. */
const secretFields: ReadonlySet<string> = new Set(['password', 'content']);

/** The one method that may be asked to change nothing; elsewhere that field is not looked at. */
const dryRunMethod = 'app.dunlin.admin.renameHost';

/** Methods that do some and give a cursor to go on from. */
const pagedMethods: ReadonlySet<string> = new Set([
  dryRunMethod, 'app.dunlin.admin.fetchMissingBlobs', 'app.dunlin.admin.purgeBlobs', 'app.dunlin.admin.restoreBlobs',
]);

/** For how long calls may go on with an act before it is remembered anew, in ms. */
const pagedLifeMs = 86_400_000;

/** Gives the routes, with those that are an operator's acts remembered. Queries stay as they are. */
export function rememberActs(routes: readonly XrpcRoute[], isQuery: (nsid: string) => boolean, parts: ActParts): XrpcRoute[] {
  return routes.map((each) => (isAct(each.nsid) && !isQuery(each.nsid) ? remembered(each, parts) : each));
}

function isAct(nsid: string): boolean {
  return /^(com\.atproto|app\.dunlin)\.admin\./.test(nsid) || operatorMethods.has(nsid) || nsid === refreshIdentity;
}

function remembered(inner: XrpcRoute, parts: ActParts): XrpcRoute {
  return {
    ...inner,
    async run(call, readInput) {
      const scheme = readAuthorization(call.headers)?.scheme;
      if (inner.nsid === refreshIdentity && scheme !== 'basic') return inner.run(call, readInput);
      let id: number | null = null;
      try {
        // The input is read when the caller is known.
        const result = await inner.run(call, async () => {
          const read = await readInput();
          const input = read.input as Readonly<Record<string, unknown>>;
          if (inner.nsid !== dryRunMethod || input['dryRun'] !== true) id = await begin(parts, call, input);
          return read;
        });
        await finish(parts, id, 200, '');
        return result;
      } catch (fault) {
        await finish(parts, id, fault instanceof XrpcError ? fault.status : 500, fault instanceof XrpcError ? fault.message : 'internal fault');
        throw fault;
      }
    },
  };
}

/** Gives the number of the act, or null when the call only goes on with one. */
async function begin({ audit, accounts, groups, clock, modServiceDid }: ActParts, { nsid, headers, ip }: XrpcCall, given: Readonly<Record<string, unknown>>): Promise<number | null> {
  const actor = readAuthorization(headers)?.scheme === 'bearer' ? (modServiceDid ?? 'moderator') : 'operator';
  const named = subjectOf(given);
  const subject = named === null ? null : (accounts.byIdentifier(named)?.did ?? named);
  const whole = withoutSecrets(given);
  const { cursor, ...rest } = whole;
  const isPaged = pagedMethods.has(nsid);
  const atMs = clock.nowMs();
  const act = { atMs, actor, address: ip, agent: headers['user-agent'] ?? '', method: nsid, subject, input: isPaged ? rest : whole };
  if (isPaged && cursor !== undefined && audit.has(act, atMs - pagedLifeMs)) return null;
  return groups.write(() => audit.begin(act));
}

/** What came of an act that is done is no reason to call it failed: when too many writes wait, it stays unknown. */
async function finish({ audit, groups }: ActParts, id: number | null, status: number, outcome: string): Promise<void> {
  if (id === null) return;
  await groups.write(() => audit.finish(id, status, outcome)).catch((fault: unknown) => {
    if (!(fault instanceof XrpcError)) throw fault;
  });
}

/** Gives whom or what an act is done to, in the words of its input. */
function subjectOf({ did, account, recipientDid, identifier, forAccount, subject }: Readonly<Record<string, unknown>>): string | null {
  const { did: subjectDid, uri } = (typeof subject === 'object' && subject !== null ? subject : {}) as { did?: unknown; uri?: unknown };
  const named = [did, account, recipientDid, identifier, forAccount, subjectDid, uri].find((each) => typeof each === 'string');
  return typeof named === 'string' ? named.replace(/^at:\/\/([^/]+)\/.*$/, '$1') : null;
}

function withoutSecrets(input: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(input).map(([name, value]) => [name, secretFields.has(name) ? '(not kept)' : value]));
}

/** Gives the method that tells of acts. */
export function actRoutes({ auth, audit }: { auth: Authenticator; audit: AuditLog }): XrpcRoute[] {
  return [
    route<{ subject?: string; limit: number; cursor?: string }, unknown, unknown>('app.dunlin.admin.listActs', {
      auth: auth.admin,
      handler({ params: { subject = null, limit, cursor } }) {
        const acts = audit.page({ below: readNumberCursor(cursor, aboveAll), limit, subject });
        const last = acts.at(-1);
        return { body: { ...(last && acts.length === limit && { cursor: String(last.id) }), acts: acts.map(actView) } };
      },
    }),
  ];
}

function actView({ id, atMs, subject, status, outcome, actor, address, agent, method, input }: RememberedAct): Record<string, unknown> {
  return {
    id, at: new Date(atMs).toISOString(), actor, address, agent, method, input,
    ...(subject !== null && { subject }), ...(status !== null && { status }), ...(outcome !== '' && { outcome }),
  };
}
