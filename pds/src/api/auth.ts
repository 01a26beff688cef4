/**
 * Finds out who calls: an account by its access token, a session by its refresh token, the operator, or a service on an account's
 * behalf. Gives the caller as a value; what they may do with what is asked in the handlers.
 * Not for making tokens (`account/session-token.ts`). Error names, statuses and texts as the reference PDS.
 * Source: behaviour of the reference PDS; atproto.com/specs/xrpc for service tokens.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { verifyServiceJwt } from '@dunlin/protocol/crypto/service-jwt';
import type { PublicKey } from '@dunlin/protocol/crypto/did-key';
import { findVerificationKey } from '@dunlin/protocol/identity/did-document';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import type { Context } from '@dunlin/service/http/app';
import { clientAddress } from '@dunlin/service/http/client-address';
import { bearerToken, readAuthorization, type AdminAuth, type Credentials } from '@dunlin/service/xrpc/auth';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import type { LosableRight } from '@dunlin/service/xrpc/route';
import { accountState, type Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { AccessScope, RefreshClaims, SessionTokens, TokenRefusal } from '../account/session-token.ts';
import type { ServerIdentity } from '../identity/server-identity.ts';
import type { Permissions } from '../oauth/permissions.ts';
import type { OAuthCall, OAuthCaller } from '../oauth/resource.ts';

/** How old a DID document may be, in ms, that a service token with a wrong signature is checked against once more. */
const refreshedKeyMaxAgeMs = 10_000;

/** An account that calls. Its sessions may be ended, or it may be stopped, while its body is on its way: `assertHolds` is asked when that is here. */
export interface Caller extends LosableRight {
  readonly account: Account;
  /** Of a password session; `com.atproto.access` for an OAuth client, which is held to `permissions` instead. */
  readonly scope: AccessScope;
  /** What an OAuth client may do; null for a password session. */
  readonly permissions: Permissions | null;
}

/** What of a call is looked at to find out who calls. */
export type Call = Credentials & OAuthCall;

/** What OAuth clients may do with a method: nothing (with a sentence of its own, or the usual one), call it, or call it with a permission. */
export type OAuthRule = 'refused' | { readonly refused: string } | 'allowed' | ((permissions: Permissions) => void);

/** What a method asks of the account that calls. */
export interface AccessRules {
  /** True lets accounts call that are deactivated; default true. Writes say false. */
  readonly allowDeactivated?: boolean;
  /** True lets accounts call that were taken down, with the narrow token they can get; default false. */
  readonly allowTakendown?: boolean;
  /** Which password sessions may call: those of any app password (default), of privileged ones, or only of the account's own password. */
  readonly scope?: 'any' | 'privileged' | 'full';
  /** For OAuth clients; default 'refused'. With 'allowed' the handler asks `permissions` itself, or nothing needs asking. */
  readonly oauth?: OAuthRule;
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
  readonly #oauth: { recognise(call: OAuthCall): Promise<OAuthCaller> };
  readonly #modServiceDid: string | null;
  /** Checks the operator's password; throws 401 AuthenticationRequired. */
  readonly admin: AdminAuth;

  constructor(o: {
    accounts: AccountStore; tokens: SessionTokens; server: ServerIdentity; resolver: IdentityResolver; admin: AdminAuth; clock: Clock;
    oauth: { recognise(call: OAuthCall): Promise<OAuthCaller> };
    /** DID of the moderation service that may use the operator's moderation methods; null for none. */
    modServiceDid: string | null;
  }) {
    this.#accounts = o.accounts;
    this.#tokens = o.tokens;
    this.#server = o.server;
    this.#resolver = o.resolver;
    this.#clock = o.clock;
    this.admin = o.admin;
    this.#oauth = o.oauth;
    this.#modServiceDid = o.modServiceDid;
  }

  /** Gives a check for an account's access token, of a password session or of an OAuth client. */
  access(rules: AccessRules = {}): (call: Call) => Caller | Promise<Caller> {
    return (call) => {
      if (readAuthorization(call.headers)?.scheme === 'dpop') return this.#client(call, rules);
      const claims = this.#tokens.verifyAccess(bearerToken(call));
      if (typeof claims === 'string') throw tokenFault(claims);
      if (!reaches(claims.scope, rules)) throw tokenFault('wrong-scope');
      const account = this.#account(claims.did, rules);
      if (claims.era !== account.sessionEra) throw tokenFault('expired');
      return this.#caller({ account, scope: claims.scope, permissions: null }, rules);
    };
  }

  async #client(call: Call, rules: AccessRules): Promise<Caller> {
    const { did, permissions } = await this.#oauth.recognise(call);
    // Taken down is taken down: the one way left is a password session made for leaving.
    const standing = { ...rules, allowTakendown: false };
    const account = this.#account(did, standing);
    const { oauth = 'refused' } = rules;
    if (oauth === 'refused' || (typeof oauth === 'object')) {
      throw new XrpcError(403, 'Forbidden', oauth === 'refused' ? 'OAuth credentials are not supported for this endpoint' : oauth.refused);
    }
    if (oauth !== 'allowed') oauth(permissions);
    return this.#caller({ account, scope: 'com.atproto.access', permissions }, standing);
  }

  #caller(found: Omit<Caller, 'assertHolds'>, rules: AccessRules): Caller {
    const assertHolds = (): void => {
      if (this.#account(found.account.did, rules).sessionEra !== found.account.sessionEra) throw tokenFault('expired');
    };
    return { ...found, assertHolds };
  }

  #account(did: string, { allowDeactivated = true, allowTakendown = false }: AccessRules): Account {
    const account = this.#accounts.byDid(did);
    if (account === null) throw new XrpcError(403, 'AccountNotFound', 'Account not found');
    const state = accountState(account);
    if (!state.active && state.status === 'takendown' && !allowTakendown) throw new XrpcError(401, 'AccountTakedown', 'Account has been taken down');
    if (!state.active && state.status === 'deactivated' && !allowDeactivated) throw new XrpcError(401, 'AccountDeactivated', 'Account is deactivated');
    return account;
  }

  /** Checks a refresh token; an expired one passes where it is only to be given up. */
  refresh(call: Credentials, o: { allowExpired?: boolean } = {}): RefreshClaims {
    const authorization = readAuthorization(call.headers);
    // Other ways in that this server knows show no refresh token at all.
    if (authorization?.scheme === 'basic' || authorization?.scheme === 'dpop') {
      if (!/^\S+$/.test(authorization.value)) throw invalidRequest('Malformed authorization header', 'InvalidToken');
      throw new XrpcError(401, 'AuthMissing', 'Authentication Required');
    }
    const claims = this.#tokens.verifyRefresh(bearerToken(call), o);
    if (typeof claims === 'string') throw tokenFault(claims);
    return claims;
  }

  /** Tells who reads; a token or password that is shown must hold. */
  async reader(call: Call): Promise<Reader> {
    const authorization = readAuthorization(call.headers);
    if (authorization === null) return { kind: 'anybody' };
    if (authorization.scheme === 'basic') {
      this.admin(call);
      return { kind: 'admin' };
    }
    const { account } = await this.access({ allowTakendown: true, oauth: 'allowed' })(call);
    return { kind: 'account', did: account.did };
  }

  /** Checks that the operator calls, by password, or the moderation service the operator named, by its token. @throws XrpcError 401 */
  async moderator(call: Call & { readonly nsid: string }): Promise<void> {
    if (readAuthorization(call.headers)?.scheme !== 'bearer') {
      this.admin(call);
      return;
    }
    const issuer = this.#modServiceDid === null ? null : await this.service(call, call.nsid, { allowLabeler: true });
    if (issuer === null || issuer.split('#', 1)[0] !== this.#modServiceDid) throw new XrpcError(401, 'UntrustedIss', 'Untrusted issuer');
  }

  /** Tells whether the moderation service the operator named calls, by a token for the method; anybody else is for another check. */
  async isModerationService(call: Call & { readonly nsid: string }): Promise<boolean> {
    const isServiceCall = readAuthorization(call.headers)?.scheme === 'bearer' && isServiceToken(bearerToken(call));
    if (!isServiceCall) return false;
    try {
      await this.moderator(call);
      return true;
    } catch (fault) {
      if (fault instanceof XrpcError && fault.status === 401) return false;
      throw fault;
    }
  }

  /** Checks a service token for one method and gives the DID it speaks for. @throws XrpcError 401 BadJwt… */
  async service(call: Credentials, lxm: string, { allowLabeler = false } = {}): Promise<string> {
    try {
      const { iss } = await verifyServiceJwt(bearerToken(call), {
        audiences: this.#server.audiences,
        lxm,
        nowMs: this.#clock.nowMs(),
        allowServiceIssuer: allowLabeler,
        signingKey: (issuer, refresh) => this.#keyOf(issuer, refresh),
      });
      return iss;
    } catch (fault) {
      if (!(fault instanceof ProtocolError) || fault.code === 'IdentityUnavailable') throw fault;
      throw new XrpcError(401, fault.code, fault.message, {}, { cause: fault });
    }
  }

  /** Gives the key that speaks for an issuer; a labeler signs with a key of its own. */
  async #keyOf(issuer: string, refresh: boolean): Promise<PublicKey | null> {
    const [did = '', service] = issuer.split('#');
    // Whoever forges a token chooses the DID: a look-up of the last seconds is fresh enough.
    const document = await this.#resolver.resolveDid(did, refresh ? { maxAgeMs: refreshedKeyMaxAgeMs } : {});
    if (document === null) return null;
    if (service === undefined) return document.signingKey;
    return service === 'atproto_labeler' ? findVerificationKey(document, '#atproto_label') : null;
  }

  /** Gives the account that uploads: by its access token, or by a service that works for it. */
  async uploader(call: Call, lxm: string): Promise<Caller> {
    const isSession = readAuthorization(call.headers)?.scheme !== 'bearer' || !isServiceToken(bearerToken(call));
    if (isSession) return this.access({ oauth: (permissions) => permissions.requireBlob(mediaType(call)) })(call);
    const account = this.#accounts.byDid(await this.service(call, lxm));
    if (account === null) throw new XrpcError(403, 'AccountNotFound', 'Account not found');
    if (account.takedownRef !== null) throw new XrpcError(401, 'AccountTakedown', 'Account has been taken down');
    return this.#caller({ account, scope: 'com.atproto.access', permissions: null }, {});
  }
}

/** Tells whether the scope of a password session is enough for a method. */
function reaches(scope: AccessScope, { scope: needed = 'any', allowTakendown = false }: AccessRules): boolean {
  switch (scope) {
    case 'com.atproto.access':
      return true;
    case 'com.atproto.appPassPrivileged':
      return needed !== 'full';
    case 'com.atproto.appPass':
      return needed === 'any';
    case 'com.atproto.takendown':
      return allowTakendown;
  }
}

/** Gives what of a request is looked at, for paths that are no routes of ours. */
export function callOf(context: Context): Call {
  return {
    headers: context.headers,
    ip: clientAddress(context.req),
    method: context.method,
    url: context.url,
    setHeader: (name, value) => context.set(name, value),
  };
}

/** Gives the media type a caller says its body has, without parameters. */
function mediaType({ headers }: Call): string {
  return (headers['content-type'] ?? 'application/octet-stream').split(';', 1)[0]?.trim().toLowerCase() ?? '';
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
export function isServiceToken(token: string): boolean {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    return typeof claims === 'object' && claims !== null && 'lxm' in claims;
  } catch {
    return false;
  }
}
