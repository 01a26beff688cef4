/**
 * app.dunlin.account.*: what people do with their second factors, which password sessions they have, which keys rule their DID.
 * With the account's own password only: no app password and no OAuth client gets here. Changes want a session that began just now.
 * Not for asking for a factor at sign-in (`api/server/session.ts`, `passkey-check.ts`).
 * Source: lexicons of those names, ours: no PDS's methods for this are spoken by more than its own pages.
 */
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { fromBase64Url, toBase64Url } from '@dunlin/protocol/base/bytes';
import { bearerToken } from '@dunlin/service/xrpc/auth';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { Sessions } from '../../account/sessions.ts';
import type { Factors } from '../../factor/factors.ts';
import type { FreshSessions } from '../../factor/fresh-sessions.ts';
import type { Passkeys } from '../../factor/passkeys.ts';
import type { SignInCodes } from '../../factor/sign-in-codes.ts';
import type { PlcClient } from '../../identity/plc-client.ts';
import type { Authenticator, Call, Caller } from '../auth.ts';

/** What these methods use. */
export interface FactorParts {
  readonly auth: Authenticator;
  readonly factors: Factors;
  readonly passkeys: Passkeys;
  readonly codes: SignInCodes;
  readonly fresh: FreshSessions;
  readonly sessions: Sessions;
  readonly plc: Pick<PlcClient, 'rotationKeysOf'>;
}

/** Gives the methods. */
export function factorRoutes({ auth, factors, passkeys, codes, fresh, sessions, plc }: FactorParts): XrpcRoute[] {
  const access = auth.access({ scope: 'full' });
  const recent = async (call: Call): Promise<Caller> => {
    const caller = await access(call);
    if (fresh.has(bearerToken(call))) return caller;
    throw new XrpcError(403, 'ReauthenticationRequired', 'this needs a session that began within ten minutes: sign in with your password again');
  };
  return [
    route<unknown, unknown, Caller>('app.dunlin.account.getFactors', {
      auth: access,
      handler: ({ auth: { account } }) => ({ body: factorView(factors.list(account.id)) }),
    }),
    route<unknown, unknown, Caller>('app.dunlin.account.startTotp', {
      auth: recent,
      handler: async ({ auth: { account } }) => ({ body: await factors.beginTotp(account) }),
    }),
    route<unknown, { code: string }, Caller>('app.dunlin.account.confirmTotp', {
      auth: recent,
      handler: ({ input, auth: { account } }) => factors.confirmTotp(account, input.code),
    }),
    route<unknown, unknown, Caller>('app.dunlin.account.removeTotp', {
      auth: recent,
      handler: ({ auth: { account } }) => factors.removeTotp(account),
    }),
    route<unknown, unknown, Caller>('app.dunlin.account.startPasskey', {
      auth: recent,
      handler: async ({ auth: { account } }) => ({ body: { options: await passkeys.beginRegistration(account) } }),
    }),
    route<unknown, { name: string; answer: unknown }, Caller>('app.dunlin.account.finishPasskey', {
      auth: recent,
      handler: async ({ input, auth: { account } }) => ({ body: { id: toBase64Url((await passkeys.finishRegistration(account, input)).id) } }),
    }),
    route<unknown, { id: string }, Caller>('app.dunlin.account.removePasskey', {
      auth: recent,
      handler: ({ input, auth: { account } }) => factors.removePasskey(account, readId(input.id)),
    }),
    route<unknown, unknown, Caller>('app.dunlin.account.makeRecoveryCodes', {
      auth: recent,
      handler: async ({ auth: { account } }) => ({ body: { codes: await factors.makeRecoveryCodes(account) } }),
    }),
    route<unknown, unknown, Caller>('app.dunlin.account.makeSignInCode', {
      auth: recent,
      handler: ({ auth: { account } }) => ({ body: codeView(codes.make(account.id)) }),
    }),
    route<unknown, unknown, Caller>('app.dunlin.account.listSessions', {
      auth: access,
      handler: ({ auth: { account } }) => ({ body: { sessions: sessions.list(account.id).map(sessionView) } }),
    }),
    route<unknown, unknown, Caller>('app.dunlin.account.getRotationKeys', {
      auth: access,
      handler: async ({ auth: { account } }) => ({ body: { rotationKeys: account.did.startsWith('did:plc:') ? await plc.rotationKeysOf(account.did) : [] } }),
    }),
    route<unknown, { id: string }, Caller>('app.dunlin.account.endSession', {
      auth: access,
      handler: ({ input, auth: { account } }) => sessions.endListed(account.id, input.id),
    }),
  ];
}

/** Gives a sign-in code as answers show it. */
export function codeView({ code, expiresAtMs }: ReturnType<SignInCodes['make']>): { code: string; expiresAt: string } {
  return { code, expiresAt: new Date(expiresAtMs).toISOString() };
}

function factorView({ hasTotp, passkeys, recoveryCodesLeft }: ReturnType<Factors['list']>): Record<string, unknown> {
  return {
    totp: hasTotp,
    passkeys: passkeys.map(({ id, name, createdAtMs, usedAtMs }) => ({
      id: toBase64Url(id), name, createdAt: new Date(createdAtMs).toISOString(), ...(usedAtMs !== null && { usedAt: new Date(usedAtMs).toISOString() }),
    })),
    recoveryCodesLeft,
  };
}

function sessionView({ id, appPassword, agent, beganAtMs, renewedAtMs }: ReturnType<Sessions['list']>[number]): Record<string, unknown> {
  return {
    id,
    ...(appPassword !== null && { appPassword }),
    ...(agent !== null && { agent }),
    beganAt: new Date(beganAtMs).toISOString(),
    renewedAt: new Date(renewedAtMs).toISOString(),
  };
}

function readId(text: string): Uint8Array {
  try {
    return fromBase64Url(text);
  } catch (fault) {
    if (fault instanceof ProtocolError) throw invalidRequest('id is not base64url');
    throw fault;
  }
}
