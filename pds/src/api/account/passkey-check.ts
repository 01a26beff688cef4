/**
 * app.dunlin.account.startPasskeyCheck and finishPasskeyCheck: a passkey as second factor of a password session. Both want the password,
 * so that nobody learns without it which passkeys there are; what comes out is a code for createSession.
 * startPasskeySignIn and finishPasskeySignIn: a passkey alone, which opens a session of the account's own.
 * Source: lexicons of those names, ours; refusals as com.atproto.server.createSession.
 */
import { limitKey } from '@dunlin/service/http/client-address';
import type { RateLimitRule } from '@dunlin/service/http/rate-limit';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRequest, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { Account } from '../../account/account.ts';
import type { Sessions } from '../../account/sessions.ts';
import type { FreshSessions } from '../../factor/fresh-sessions.ts';
import type { PasskeySignIn } from '../../factor/passkey-sign-in.ts';
import type { Passkeys } from '../../factor/passkeys.ts';
import type { SignInCodes } from '../../factor/sign-in-codes.ts';
import { dayMs, fiveMinutesMs, type Limits } from '../limits.ts';
import { sessionView } from '../server/account-view.ts';
import { codeView } from './factors.ts';

interface Password {
  readonly identifier: string;
  readonly password: string;
}

/** Gives the methods. */
export function passkeyCheckRoutes({ sessions, passkeys, codes, limits, signIn, fresh }: {
  sessions: Sessions; passkeys: Passkeys; codes: SignInCodes; limits: Limits; signIn: PasskeySignIn; fresh: FreshSessions;
}): XrpcRoute[] {
  // Both take a password: as createSession, by account and address, and by address alone.
  const tries = <I extends Password>(): RateLimitRule<XrpcRequest<unknown, I, undefined>>[] => [
    ...limits.by<XrpcRequest<unknown, I, undefined>>(({ input, ip }) => `${sessions.nameOf(input.identifier)}-${limitKey(ip)}`, [300, dayMs], [30, fiveMinutesMs]),
    ...limits.perAddress<XrpcRequest<unknown, I, undefined>>([300, fiveMinutesMs]),
  ];
  const authenticate = async ({ identifier, password }: Password): Promise<Account> => {
    const found = await sessions.authenticate(identifier, password);
    if (found === null || found.appPassword !== null) throw new XrpcError(401, 'AuthenticationRequired', 'Invalid identifier or password');
    if (found.account.takedownRef !== null) throw new XrpcError(401, 'AccountTakedown', 'Account has been taken down');
    return found.account;
  };
  return [
    route<unknown, Password>('app.dunlin.account.startPasskeyCheck', {
      rateLimit: tries<Password>(),
      async handler({ input }) {
        const options = await passkeys.beginCheck((await authenticate(input)).id);
        if (options === null) throw invalidRequest('the account has no passkey', 'NoPasskey');
        return { body: { options } };
      },
    }),
    route<unknown, Password & { answer: unknown }>('app.dunlin.account.finishPasskeyCheck', {
      rateLimit: tries<Password & { answer: unknown }>(),
      async handler({ input }) {
        const account = await authenticate(input);
        await passkeys.finishCheck(account.id, input.answer);
        const { code, expiresAt } = codeView(codes.make(account.id));
        return { body: { authFactorToken: code, expiresAt } };
      },
    }),
    route('app.dunlin.account.startPasskeySignIn', {
      rateLimit: limits.perAddress([60, fiveMinutesMs]),
      handler: async () => ({ body: { options: await signIn.begin() } }),
    }),
    route<unknown, { answer: unknown }>('app.dunlin.account.finishPasskeySignIn', {
      rateLimit: limits.perAddress([60, fiveMinutesMs]),
      async handler({ input, headers }) {
        const account = await signIn.finish(input.answer);
        const tokens = await sessions.begin({ account, appPassword: null }, headers['user-agent'] ?? null);
        if (tokens === null) throw new XrpcError(401, 'AuthenticationRequired', 'all sessions of this account were just ended');
        fresh.note(tokens.accessJwt);
        return { body: { ...sessionView(account), ...tokens } };
      },
    }),
  ];
}
