/**
 * com.atproto.server.createAccount: a person's first account, or one that moves in with the DID it has.
 * Who moves in shows a service token of that DID for this server and this method; the account begins deactivated.
 * Who names did:web:HANDLE, with a handle of this server's and no token, gets that DID where the operator wants it: its document is
 * written here (decisions/0026).
 * Source: lexicon of that name; order of checks and texts as the reference PDS, save that an e-mail address is optional.
 */
import { maxPasswordLength } from '@dunlin/protocol/base/limits';
import { didWebOf } from '@dunlin/protocol/identity/did-web';
import { optionalBearerToken } from '@dunlin/service/xrpc/auth';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import { checkEmail } from '../../account/email-rules.ts';
import type { Registrar } from '../../membership/register.ts';
import type { FreshSessions } from '../../factor/fresh-sessions.ts';
import type { HandleChoice } from '../../identity/handle-choice.ts';
import type { HostedDids } from '../../identity/hosted-dids.ts';
import { checkGivenKey } from '../../identity/given-key.ts';
import type { Invites } from '../../invite/invites.ts';
import type { Authenticator } from '../auth.ts';
import { fiveMinutesMs, type Limits } from '../limits.ts';
import type { DocumentView } from './document-view.ts';

interface SignUp {
  readonly handle: string;
  readonly did?: string;
  readonly email?: string;
  readonly password?: string;
  readonly recoveryKey?: string;
  readonly inviteCode?: string;
  readonly plcOp?: unknown;
}

/** Gives the method. */
export function createAccountRoute(o: {
  auth: Authenticator; registrar: Registrar; invites: Invites; handles: HandleChoice; documents: DocumentView; limits: Limits; fresh: FreshSessions;
  hosted: Pick<HostedDids, 'areMade'>;
}): XrpcRoute {
  return route<unknown, SignUp, string | null>('com.atproto.server.createAccount', {
    auth: (call) => (optionalBearerToken(call) === null ? null : o.auth.service(call, call.nsid)),
    rateLimit: o.limits.perAddress([100, fiveMinutesMs]),
    async handler({ input, auth: provenDid }) {
      checkInput(input);
      o.invites.check(input.inviteCode ?? null);
      const isHosted = o.hosted.areMade && provenDid === null && input.did === didWebOf(input.handle.toLowerCase());
      if (input.did !== undefined && provenDid !== input.did && !isHosted) {
        throw new XrpcError(401, 'AuthenticationRequired', `Missing auth to create account with did: ${input.did}`);
      }
      if (isHosted && input.recoveryKey !== undefined) throw invalidRequest('a did:web has no rotation keys, so no recovery key', 'IncompatibleDidDoc');
      const existingDid = isHosted ? null : (input.did ?? null);
      const handle = await o.handles.check(input.handle, existingDid);
      const made = await o.registrar.register({
        handle,
        email: input.email ?? null,
        password: input.password ?? null,
        recoveryKey: input.recoveryKey ?? null,
        existingDid, isHosted,
        inviteCode: input.inviteCode ?? null,
      });
      const { did, accessJwt, refreshJwt } = made;
      o.fresh.note(accessJwt);
      return { body: { handle: made.handle, did, ...(await o.documents.forNewAccount(did)), accessJwt, refreshJwt } };
    },
  });
}

function checkInput({ email, password, plcOp, recoveryKey }: SignUp): void {
  if (plcOp !== undefined) throw invalidRequest('Unsupported input: "plcOp"');
  if (password !== undefined && (password === '' || password.length > maxPasswordLength)) {
    throw invalidRequest(`Password must have 1 to ${maxPasswordLength} characters`, 'InvalidPassword');
  }
  if (email !== undefined) checkEmail(email);
  if (recoveryKey !== undefined) checkGivenKey('Recovery key', recoveryKey);
}
