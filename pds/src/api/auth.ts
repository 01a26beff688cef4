/**
 * Finds out who calls: an account by its access token, a session by its refresh token, the operator, or a service on an account's
 * behalf. Gives the caller as a value; what they may do with what is asked in the handlers.
 * Not for making tokens (`account/session-token.ts`). Error names, statuses and texts as the reference PDS.
 * Source: behaviour of the reference PDS; atproto.com/specs/xrpc for service tokens.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { verifyServiceJwt } from '@dunlin/protocol/crypto/service-jwt';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { bearerToken, readAuthorization, type AdminAuth, type Credentials } from '@dunlin/service/xrpc/auth';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import { accountState, type Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { AccessScope, RefreshClaims, SessionTokens, TokenRefusal } from '../account/session-token.ts';
import type { ServerIdentity } from '../identity/server-identity.ts';

/** An account that calls. */
export interface Caller {
  readonly account: Account;
  readonly scope: AccessScope;
}

/** What a method asks of the account that calls. */
export interface AccessRules {
  /** True lets accounts call that are deactivated; default true. Writes say false. */
  readonly allowDeactivated?: boolean;
  /** True lets accounts call that were taken down, with the narrow token they can get; default false. */
  readonly allowTakendown?: boolean;
}

/** Who reads what may be closed to others: the account itself, the operator, or anybody. */
export type Reader = { kind: 'account'; did: string } | { kind: 'admin' } | { kind: 'anybody' };

/** Tells callers apart. */
export class Authenticator {
  readonly #accounts: AccountStore;
  readonly #tokens: SessionTokens;
  readonly #server: ServerIdentity;
  readonly #resolver: IdentityResolver;
  readonly #clock: Clock;
  /** Checks the operator's password; throws 401 AuthenticationRequired. */
  readonly admin: AdminAuth;

  constructor(o: { accounts: AccountStore; tokens: SessionTokens; server: ServerIdentity; resolver: IdentityResolver; admin: AdminAuth; clock: Clock }) {
    this.#accounts = o.accounts;
    this.#tokens = o.tokens;
    this.#server = o.server;
    this.#resolver = o.resolver;
    this.#clock = o.clock;
    this.admin = o.admin;
  }

  /** Gives a check for an account's access token. */
  access({ allowDeactivated = true, allowTakendown = false }: AccessRules = {}): (call: Credentials) => Caller {
    return (call) => {
      const claims = this.#tokens.verifyAccess(bearerToken(call));
      if (typeof claims === 'string') throw tokenFault(claims);
      if (claims.scope === 'com.atproto.takendown' && !allowTakendown) throw tokenFault('wrong-scope');
      const account = this.#accounts.byDid(claims.did);
      if (account === null) throw new XrpcError(403, 'AccountNotFound', 'Account not found');
      const state = accountState(account);
      if (!state.active && state.status === 'takendown' && !allowTakendown) throw new XrpcError(401, 'AccountTakedown', 'Account has been taken down');
      if (!state.active && state.status === 'deactivated' && !allowDeactivated) throw new XrpcError(401, 'AccountDeactivated', 'Account is deactivated');
      return { account, scope: claims.scope };
    };
  }

  /** Checks a refresh token; an expired one passes where it is only to be given up. */
  refresh(call: Credentials, o: { allowExpired?: boolean } = {}): RefreshClaims {
    const claims = this.#tokens.verifyRefresh(bearerToken(call), o);
    if (typeof claims === 'string') throw tokenFault(claims);
    return claims;
  }

  /** Tells who reads; a token or password that is shown must hold. */
  reader(call: Credentials): Reader {
    const authorization = readAuthorization(call.headers);
    if (authorization === null) return { kind: 'anybody' };
    if (authorization.scheme === 'basic') {
      this.admin(call);
      return { kind: 'admin' };
    }
    return { kind: 'account', did: this.access({ allowTakendown: true })(call).account.did };
  }

  /** Checks a service token for one method and gives the DID it speaks for. @throws XrpcError 401 BadJwt… */
  async service(call: Credentials, lxm: string): Promise<string> {
    try {
      const { iss } = await verifyServiceJwt(bearerToken(call), {
        audiences: this.#server.audiences,
        lxm,
        nowMs: this.#clock.nowMs(),
        signingKey: async (did, refresh) => (await this.#resolver.resolveDid(did, { refresh }))?.signingKey ?? null,
      });
      return iss;
    } catch (fault) {
      if (!(fault instanceof ProtocolError) || fault.code === 'IdentityUnavailable') throw fault;
      throw new XrpcError(401, fault.code, fault.message, {}, { cause: fault });
    }
  }

  /** Gives the account that uploads: by its access token, or by a service that works for it. */
  async uploader(call: Credentials, lxm: string): Promise<Caller> {
    if (!isServiceToken(bearerToken(call))) return this.access()(call);
    const account = this.#accounts.byDid(await this.service(call, lxm));
    if (account === null) throw new XrpcError(403, 'AccountNotFound', 'Account not found');
    if (account.takedownRef !== null) throw new XrpcError(401, 'AccountTakedown', 'Account has been taken down');
    return { account, scope: 'com.atproto.access' };
  }
}

function tokenFault(refusal: TokenRefusal): XrpcError {
  switch (refusal) {
    case 'expired':
      return invalidRequest('Token has expired', 'ExpiredToken');
    case 'wrong-scope':
      return invalidRequest('Bad token scope', 'InvalidToken');
    case 'invalid':
      return invalidRequest('Token could not be verified', 'InvalidToken');
  }
}

/** Tells whether a token says of itself that it is for one method; what it says is verified afterwards. */
function isServiceToken(token: string): boolean {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    return typeof claims === 'object' && claims !== null && 'lxm' in claims;
  } catch {
    return false;
  }
}
