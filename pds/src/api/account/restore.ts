/**
 * app.dunlin.move.prepareRestore, restore, completeArchive, signAgain: an account comes back from an archive when its server is gone.
 * Who asks the first two is nobody yet: the proof is in the signed operation, or in the document of a did:web. What they do:
 * `moving/restoration.ts`, `moving/web-restoration.ts`. The archive itself is
 * brought by importRepo, uploadBlob and putPreferences.
 * Source: lexicons of those names, ours.
 */
import { maxPasswordLength } from '@dunlin/protocol/base/limits';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import { checkEmail } from '../../account/email-rules.ts';
import type { FreshSessions } from '../../factor/fresh-sessions.ts';
import type { HandleChoice } from '../../identity/handle-choice.ts';
import type { Restoration } from '../../moving/restoration.ts';
import type { WebRestoration } from '../../moving/web-restoration.ts';
import type { Authenticator, Caller } from '../auth.ts';
import { fiveMinutesMs, type Limits } from '../limits.ts';

/** What these methods use. */
export interface RestoreParts {
  readonly auth: Authenticator;
  readonly restoration: Restoration;
  readonly webRestoration: WebRestoration;
  readonly handles: HandleChoice;
  readonly fresh: FreshSessions;
  readonly limits: Limits;
}

interface Wanted {
  readonly did: string;
  readonly handle: string;
  readonly email?: string;
  readonly password: string;
  readonly inviteCode?: string;
  readonly operation?: unknown;
  readonly claim?: string;
}

/** Gives the methods. */
export function restoreRoutes({ auth, restoration, webRestoration, handles, fresh, limits }: RestoreParts): XrpcRoute[] {
  const access = auth.access({ scope: 'full' });
  return [
    route<unknown, { did: string }>('app.dunlin.move.prepareRestore', {
      rateLimit: limits.perAddress([50, fiveMinutesMs]),
      async handler({ input: { did }, ip }) {
        if (did.startsWith('did:web:')) return { body: { method: 'web', ...webRestoration.groundFor(did) } };
        const { prev, present, signingKey, serverKeys, pdsUrl } = await restoration.groundFor(did, ip);
        return { body: { method: 'plc', prev, ...present, signingKey, serverKeys, pdsUrl } };
      },
    }),
    route<unknown, Wanted>('app.dunlin.move.restore', {
      rateLimit: limits.perAddress([50, fiveMinutesMs]),
      async handler({ input, rawInput, ip }) {
        if (input.password === '' || input.password.length > maxPasswordLength) throw invalidRequest(`Password must have 1 to ${maxPasswordLength} characters`, 'InvalidPassword');
        if (input.email !== undefined) checkEmail(input.email);
        const handle = await handles.check(input.handle, input.did);
        const wanted = { did: input.did, handle, email: input.email ?? null, password: input.password, inviteCode: input.inviteCode ?? null };
        const { did, accessJwt, refreshJwt } = wanted.did.startsWith('did:web:')
          ? await webRestoration.open({ ...wanted, claim: input.claim ?? '' })
          : await restoration.open({ ...wanted, operation: operationOf(rawInput), ip });
        fresh.note(accessJwt);
        return { body: { did, handle, accessJwt, refreshJwt } };
      },
    }),
    route<unknown, { withoutMissing?: boolean }, Caller>('app.dunlin.move.completeArchive', {
      auth: access,
      handler: ({ input, auth: { account } }) => restoration.complete(account, { withoutMissing: input.withoutMissing ?? false }),
    }),
    route<unknown, unknown, Caller>('app.dunlin.move.signAgain', {
      auth: access,
      rateLimit: limits.perAccount([20, fiveMinutesMs]),
      handler: ({ rawInput, auth: { account }, ip }) => restoration.signAgain(account, operationOf(rawInput), ip),
    }),
  ];
}

/** The operation as it was sent: its bytes are what is signed. */
function operationOf(input: unknown): unknown {
  return (input as { operation?: unknown }).operation;
}
