/**
 * com.atproto.server.createAccount: a person's first account, or one that moves in with the DID it has.
 * Who moves in shows a service token of that DID for this server and this method; the account begins deactivated.
 * Source: lexicon of that name; order of checks and texts as the reference PDS, save that an e-mail address is optional.
 */
import { maxPasswordLength } from '@dunlin/protocol/base/limits';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { parseDidKey } from '@dunlin/protocol/crypto/did-key';
import { limitKey } from '@dunlin/service/http/client-address';
import type { RateLimiter } from '@dunlin/service/http/rate-limit';
import { optionalBearerToken } from '@dunlin/service/xrpc/auth';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { Registrar } from '../../account/register.ts';
import type { HandleChoice } from '../../identity/handle-choice.ts';
import type { Authenticator } from '../auth.ts';
import type { DocumentView } from './document-view.ts';

interface SignUp {
  readonly handle: string;
  readonly did?: string;
  readonly email?: string;
  readonly password?: string;
  readonly recoveryKey?: string;
  readonly plcOp?: unknown;
}

/** Longest e-mail address, in characters (RFC 5321). */
const maxEmailLength = 254;

/** Gives the method. */
export function createAccountRoute(o: {
  auth: Authenticator; registrar: Registrar; handles: HandleChoice; documents: DocumentView; limits: readonly RateLimiter[];
}): XrpcRoute {
  return route<unknown, SignUp, string | null>('com.atproto.server.createAccount', {
    auth: (call) => (optionalBearerToken(call) === null ? null : o.auth.service(call, call.nsid)),
    rateLimit: o.limits.map((limiter) => ({ limiter, key: ({ ip }) => limitKey(ip) })),
    async handler({ input, auth: provenDid }) {
      checkInput(input);
      if (input.did !== undefined && provenDid !== input.did) {
        throw new XrpcError(401, 'AuthenticationRequired', `Missing auth to create account with did: ${input.did}`);
      }
      const handle = await o.handles.check(input.handle, input.did ?? null);
      const made = await o.registrar.register({
        handle,
        email: input.email ?? null,
        password: input.password ?? null,
        recoveryKey: input.recoveryKey ?? null,
        existingDid: input.did ?? null,
      });
      const { did, accessJwt, refreshJwt } = made;
      return { body: { handle: made.handle, did, ...(await o.documents.forNewAccount(did)), accessJwt, refreshJwt } };
    },
  });
}

function checkInput({ email, password, plcOp, recoveryKey }: SignUp): void {
  if (plcOp !== undefined) throw invalidRequest('Unsupported input: "plcOp"');
  if (password !== undefined && (password === '' || password.length > maxPasswordLength)) {
    throw invalidRequest(`Password must have 1 to ${maxPasswordLength} characters`, 'InvalidPassword');
  }
  if (email !== undefined && !isEmail(email)) throw invalidRequest('This email address is not supported, please use a different email.');
  if (recoveryKey !== undefined) checkRecoveryKey(recoveryKey);
}

/** Tells whether a text can be an e-mail address; whether mail arrives there is another matter. */
function isEmail(text: string): boolean {
  return text.length <= maxEmailLength && /^[^\s@:/]+@[^\s@:/]+\.[^\s@:/.]+$/.test(text);
}

function checkRecoveryKey(didKey: string): void {
  try {
    parseDidKey(didKey);
  } catch (fault) {
    if (fault instanceof ProtocolError) throw invalidRequest(`Recovery key must be a did:key of p256 or k256: ${fault.message}`);
    throw fault;
  }
}
