/**
 * Recognises OAuth clients that call methods: `Authorization: DPoP token` with a proof of the key the token is bound to.
 * The address a proof is for is made of the configured public URL, never of headers or of what a request line claims.
 * Every answer carries the next nonce. Not for what a client may do with what is asked: that is permissions.ts and the handlers.
 * Source: RFC 9449; error names, headers and texts as the reference PDS.
 */
import type { OAuthProvider } from '@atproto/oauth-provider/provider';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { XrpcCall } from '@dunlin/service/xrpc/route';
import type { ServerIdentity } from '../identity/server-identity.ts';
import type { Permissions } from './permissions.ts';

/** What of a call is looked at. */
export type OAuthCall = Pick<XrpcCall, 'headers' | 'method' | 'url' | 'setHeader'>;

/** A client that showed a token which holds. */
export interface OAuthCaller {
  readonly did: string;
  readonly permissions: Permissions;
}

/** The parts of the provider's world that are loaded when they are first needed. */
export interface LoadedProvider {
  readonly provider: OAuthProvider;
  readonly permissionsOf: (scope: string) => Permissions;
  /** Gives the answer to a client for a fault of the provider, or null for a fault of another kind. */
  readonly toRefusal: (fault: unknown) => XrpcError | null;
}

/** Recognises callers. */
export class OAuthCallers {
  readonly #load: () => Promise<LoadedProvider>;
  readonly #server: ServerIdentity;

  constructor(load: () => Promise<LoadedProvider>, server: ServerIdentity) {
    this.#load = load;
    this.#server = server;
  }

  /** Gives who calls. Does not check: that the account exists and is active. @throws XrpcError 401 use_dpop_nonce, invalid_token */
  async recognise(call: OAuthCall): Promise<OAuthCaller> {
    const { provider, permissionsOf, toRefusal } = await this.#load();
    const nonce = provider.nextDpopNonce();
    if (nonce !== undefined) call.setHeader('dpop-nonce', nonce);
    const { sub, scope } = await provider
      .authenticateRequest(call.method, this.#target(call.url), call.headers, { audience: [this.#server.did], scope: ['atproto'] })
      .catch((fault: unknown) => {
        throw toRefusal(fault) ?? fault;
      });
    const permissions = permissionsOf(scope ?? '');
    if (!permissions.isAtproto) throw new XrpcError(400, 'InvalidToken', 'OAuth token does not have "atproto" scope');
    return { did: sub, permissions };
  }

  #target(pathAndQuery: string): URL {
    const address = pathAndQuery.startsWith('/') ? `${this.#server.publicUrl}${pathAndQuery}` : '';
    if (!URL.canParse(address)) throw new XrpcError(400, 'InvalidRequest', 'the address of the request is not a path');
    return new URL(address);
  }
}
