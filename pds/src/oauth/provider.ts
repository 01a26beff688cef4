/**
 * The door of @atproto/oauth-provider: an OAuth authorization server on our stores, with its sign-in, consent and account pages.
 * Loaded when OAuth is first used (`front.ts`): it costs some 90 MB of memory. Access tokens are looked up at every use, so that ending
 * a session ends it at once. Whatever a client's name makes us fetch goes through the guarded fetch.
 * Source: atproto.com/specs/oauth; settings as the reference PDS gives them.
 */
import { OAuthError, WWWAuthenticateError } from '@atproto/oauth-provider/errors';
import { oauthMiddleware, type Handler } from '@atproto/oauth-provider/middleware';
import { AccessTokenMode, JoseKey, LexResolverError, OAuthProvider, type LexResolver } from '@atproto/oauth-provider/provider';
import type { Jwks, OAuthClientMetadata } from '@atproto/oauth-provider/hooks';
import type { DeviceStore, LexiconStore, ReplayStore, RequestStore, TokenStore } from '@atproto/oauth-provider/store';
import { growingCache } from '@dunlin/protocol/base/growing-cache';
import type { Logger } from '@dunlin/service/log/logger';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import { bridgeAccounts, type BridgeParts } from './account-bridge.ts';
import { holdToEras } from './brief-sign-ins.ts';
import { createDocumentCache, documentFetch } from './client-documents.ts';
import { Permissions } from './permissions.ts';
import type { LoadedProvider } from './resource.ts';
import type { Branding } from './branding.ts';

/** What the provider is made of. */
export interface ProviderParts extends BridgeParts {
  /** The public URL without a slash at the end. */
  readonly issuer: string;
  /** 32 bytes that sign access tokens. */
  readonly tokenSecret: Uint8Array;
  /** 32 bytes that nonces are made with. */
  readonly nonceSecret: Uint8Array;
  readonly branding: Branding;
  readonly handleDomains: readonly string[];
  readonly inviteCodeRequired: boolean;
  /** Clients the operator vouches for, by id. */
  readonly trustedClients: readonly string[];
  readonly requests: RequestStore;
  readonly tokens: TokenStore;
  readonly lexicons: LexiconStore;
  readonly replays: ReplayStore;
  readonly devices: BridgeParts['devices'] & DeviceStore;
  /** The guarded fetch; it takes URLs only. */
  readonly fetch: typeof globalThis.fetch;
  /** Finds a published lexicon by NSID; null when there is none. */
  readonly findLexicon: (nsid: string) => Promise<{ readonly uri: string; readonly document: unknown } | null>;
  readonly log: Logger;
}

/** The provider and its handler of requests. */
export interface RunningProvider extends LoadedProvider {
  readonly handler: Handler;
}

/** Most scopes whose meaning is remembered. */
const maxKnownScopes = 1_000;

/** Makes the provider. */
export async function createProvider(o: ProviderParts): Promise<RunningProvider> {
  const provider = new OAuthProvider({
    issuer: o.issuer,
    keyset: [await JoseKey.fromKeyLike(o.tokenSecret, undefined, 'HS256')],
    dpopSecret: o.nonceSecret,
    accessTokenMode: AccessTokenMode.stateful,
    metadata: { protected_resources: [o.issuer] },
    accountStore: bridgeAccounts(o),
    deviceStore: o.devices,
    requestStore: o.requests,
    tokenStore: o.tokens,
    lexiconStore: o.lexicons,
    replayStore: o.replays,
    clientJwksCache: createDocumentCache<Jwks>(),
    clientMetadataCache: createDocumentCache<OAuthClientMetadata>(),
    safeFetch: documentFetch(o.fetch),
    lexResolver: lexResolver(o.findLexicon),
    availableUserDomains: [...o.handleDomains],
    inviteCodeRequired: o.inviteCodeRequired,
    branding: o.branding,
    getClientInfo: (clientId) => ({ isTrusted: o.trustedClients.includes(clientId) }),
    onSignInAttempt: o.signIns.onAttempt,
  });
  holdToEras(provider.signer, o);
  const known = growingCache<string, Permissions>(maxKnownScopes);
  const permissionsOf = (scope: string): Permissions => {
    const permissions = known.get(scope) ?? new Permissions(scope);
    known.set(scope, permissions);
    return permissions;
  };
  const handler = oauthMiddleware(provider, { onError: (_request, _response, fault, message) => note(o.log, fault, message) });
  return { provider, permissionsOf, toRefusal, handler };
}

function toRefusal(fault: unknown): XrpcError | null {
  if (!(fault instanceof OAuthError)) return null;
  const headers: Record<string, string> = fault instanceof WWWAuthenticateError ? { 'www-authenticate': fault.wwwAuthenticateHeader } : {};
  return new XrpcError(fault.status, fault.error, fault.error_description, headers, { cause: fault });
}

/** Callers' faults are theirs; only what we did not expect is for the log. What a client sent stays out of it. */
function note(log: Logger, fault: unknown, message: string): void {
  if (isCallers(fault)) log.debug({ fault: fault.name }, message);
  else log.error({ err: fault }, message);
}

/** Tells whether a fault lies in what was sent: an OAuth or HTTP error below 500, or bytes that are no such JWT or form. */
function isCallers(fault: unknown): fault is Error {
  if (!(fault instanceof Error)) return false;
  const status = 'status' in fault && typeof fault.status === 'number' ? fault.status : 500;
  const isForm = fault.name === 'ZodError' || fault.name === 'JwtVerifyError' || ('code' in fault && typeof fault.code === 'string' && fault.code.startsWith('ERR_J'));
  return status < 500 || isForm;
}

/** Finds permission sets by our own way through the network, not the package's. */
function lexResolver(find: ProviderParts['findLexicon']): LexResolver {
  const get = async (nsid: string | { toString(): string }): Promise<Awaited<ReturnType<LexResolver['get']>>> => {
    const found = await find(nsid.toString());
    if (found === null) throw LexResolverError.from(nsid.toString());
    return { uri: found.uri, lexicon: found.document } as unknown as Awaited<ReturnType<LexResolver['get']>>;
  };
  return { get } as Pick<LexResolver, 'get'> as LexResolver;
}
