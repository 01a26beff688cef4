/**
 * com.atproto.server.createSession, refreshSession, getSession and deleteSession: how a client stays signed in.
 * An unknown account and a wrong password get the same answer after the same time.
 * Source: lexicons of those names; shapes, names and texts as the reference PDS.
 */
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import { limitKey } from '@dunlin/service/http/client-address';
import { route, type XrpcRequest, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { Account } from '../../account/account.ts';
import type { AccountStore } from '../../account/account-store.ts';
import type { RefreshClaims } from '../../account/session-token.ts';
import type { Sessions } from '../../account/sessions.ts';
import type { FactorCheck } from '../../factor/factor-check.ts';
import type { FreshSessions } from '../../factor/fresh-sessions.ts';
import type { Authenticator, Caller } from '../auth.ts';
import { sessionView, withoutEmail } from './account-view.ts';
import { dayMs, fiveMinutesMs, type Limits } from '../limits.ts';
import type { DocumentView } from './document-view.ts';

interface SignIn {
  readonly identifier: string;
  readonly password: string;
  readonly allowTakendown?: boolean;
  readonly authFactorToken?: string;
}

/** Gives the methods. */
export function sessionRoutes(o: {
  auth: Authenticator; accounts: AccountStore; sessions: Sessions; documents: DocumentView; limits: Limits;
  factors: Pick<FactorCheck, 'pass'>; fresh: FreshSessions;
}): XrpcRoute[] {
  const { auth, accounts, sessions, documents, factors, fresh } = o;
  return [
    route<unknown, SignIn>('com.atproto.server.createSession', {
      // By address alone too: two scrypts for each made-up name would keep everybody else from signing in.
      rateLimit: [
        ...o.limits.by<XrpcRequest<unknown, SignIn, undefined>>(({ input, ip }) => `${sessions.nameOf(input.identifier)}-${limitKey(ip)}`, [300, dayMs], [30, fiveMinutesMs]),
        ...o.limits.perAddress<XrpcRequest<unknown, SignIn, undefined>>([300, fiveMinutesMs]),
      ],
      async handler({ input: { identifier, password, allowTakendown = false, authFactorToken }, headers }) {
        const authenticated = await sessions.authenticate(identifier, password);
        if (authenticated === null) throw new XrpcError(401, 'AuthenticationRequired', 'Invalid identifier or password');
        const { account } = authenticated;
        if (account.takedownRef !== null && !allowTakendown) throw takendown();
        await factors.pass(authenticated, authFactorToken);
        const tokens = account.takedownRef === null ? await sessions.begin(authenticated, headers['user-agent'] ?? null) : sessions.beginTakendown(account);
        if (tokens === null) throw new XrpcError(401, 'AuthenticationRequired', 'Invalid identifier or password');
        if (authenticated.appPassword === null) fresh.note(tokens.accessJwt);
        return { body: { ...sessionView(account), ...(await documents.forSession(account.did)), ...tokens } };
      },
    }),
    route<unknown, unknown, RefreshClaims>('com.atproto.server.refreshSession', {
      auth: (call) => auth.refresh(call),
      async handler({ auth: claims }) {
        const account = refreshable(accounts, claims);
        const tokens = await sessions.renew(account, claims);
        if (tokens === null) throw invalidRequest('Token has been revoked', 'ExpiredToken');
        return { body: { ...sessionView(account), ...(await documents.forSession(account.did)), ...tokens } };
      },
    }),
    route<unknown, unknown, Caller>('com.atproto.server.getSession', {
      auth: auth.access({ allowTakendown: true, oauth: 'allowed' }),
      async handler({ auth: { account, permissions } }) {
        const view = permissions === null || permissions.allowsEmail ? sessionView(account) : withoutEmail(sessionView(account));
        return { body: { ...view, ...(await documents.forSession(account.did)) } };
      },
    }),
    route<unknown, unknown, RefreshClaims>('com.atproto.server.deleteSession', {
      auth: (call) => auth.refresh(call, { allowExpired: true }),
      async handler({ auth: { jti } }) {
        await sessions.end(jti);
      },
    }),
  ];
}

function refreshable(accounts: AccountStore, { did }: RefreshClaims): Account {
  const account = accounts.byDid(did);
  if (account === null) throw invalidRequest(`Could not find user info for account: ${did}`);
  if (account.takedownRef !== null) throw takendown();
  return account;
}

function takendown(): XrpcError {
  return new XrpcError(401, 'AccountTakedown', 'Account has been taken down');
}
