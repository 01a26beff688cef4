/**
 * com.atproto.identity.resolveDid, resolveIdentity and refreshIdentity: who a DID or a handle is, asked of the network.
 * refreshIdentity passes by what is remembered; for an account of this server, asked by itself or the operator, it also tells the
 * network of the identity again (#identity), which mends app views that missed a change.
 * Source: lexicons of those names; the reference PDS does not serve them.
 */
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { invalidHandle } from '@dunlin/protocol/identity/handle-syntax';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { readAuthorization } from '@dunlin/service/xrpc/auth';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { AccountStore } from '../../account/account-store.ts';
import type { GroupCommit } from '../../sequencer/group-commit.ts';
import type { Sequencer } from '../../sequencer/sequencer.ts';
import type { Authenticator, Reader } from '../auth.ts';
import { fiveMinutesMs, type Limits } from '../limits.ts';

/** What these methods use. */
export interface ResolveParts {
  readonly auth: Authenticator;
  readonly accounts: AccountStore;
  readonly resolver: IdentityResolver;
  readonly groups: GroupCommit;
  readonly sequencer: Sequencer;
  /** This server's, each with a leading dot. */
  readonly domains: readonly string[];
  readonly limits: Limits;
}

/** Gives the methods. */
export function resolveRoutes(o: ResolveParts): XrpcRoute[] {
  const { auth, resolver, limits } = o;
  return [
    route<{ did: string }>('com.atproto.identity.resolveDid', {
      rateLimit: limits.perAddress([500, fiveMinutesMs]),
      async handler({ params: { did } }) {
        return { body: { didDoc: (await findDocument(resolver, did, false)).raw } };
      },
    }),
    route<{ identifier: string }>('com.atproto.identity.resolveIdentity', {
      rateLimit: limits.perAddress([500, fiveMinutesMs]),
      handler: ({ params: { identifier } }) => identityOf(o, identifier, false),
    }),
    route<unknown, { identifier: string }, Reader>('com.atproto.identity.refreshIdentity', {
      auth: (call) => (readAuthorization(call.headers) === null ? { kind: 'anybody' } : auth.reader(call)),
      rateLimit: limits.perAddress([50, fiveMinutesMs]),
      async handler({ input: { identifier }, auth: reader }) {
        const identity = await identityOf(o, identifier, true);
        await announce(o, identity.body.did, reader);
        return identity;
      },
    }),
  ];
}

async function identityOf(o: ResolveParts, identifier: string, refresh: boolean): Promise<{ body: { did: string; handle: string; didDoc: unknown } }> {
  const did = identifier.startsWith('did:') ? identifier : await findHandle(o, identifier.toLowerCase(), refresh);
  if (did === null) throw invalidRequest('Unable to resolve handle', 'HandleNotFound');
  const document = await findDocument(o.resolver, did, refresh);
  const handle = await asUpstream(() => o.resolver.verifiedHandle(did, { refresh }));
  return { body: { did, handle: handle ?? invalidHandle, didDoc: document.raw } };
}

/** Asks the network, but not for names under our own domains: those we know. */
async function findHandle({ accounts, domains, resolver }: ResolveParts, handle: string, refresh: boolean): Promise<string | null> {
  const account = accounts.byHandle(handle);
  if (account !== null || domains.some((domain) => handle.endsWith(domain))) return account?.did ?? null;
  return asUpstream(() => resolver.resolveHandle(handle, { refresh }));
}

async function findDocument(resolver: IdentityResolver, did: string, refresh: boolean): Promise<{ raw: unknown }> {
  const document = await asUpstream(() => resolver.resolveDid(did, { refresh }));
  if (document === null) throw invalidRequest(`Could not resolve DID: ${did}`, 'DidNotFound');
  return document;
}

async function asUpstream<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (fault) {
    if (fault instanceof ProtocolError) throw new XrpcError(502, 'UpstreamFailure', 'identity could not be asked for', {}, { cause: fault });
    throw fault;
  }
}

async function announce({ accounts, groups, sequencer }: ResolveParts, did: string, reader: Reader): Promise<void> {
  const account = accounts.byDid(did);
  const isEntitled = reader.kind === 'admin' || (reader.kind === 'account' && reader.did === did);
  if (account === null || !isEntitled || account.takedownRef !== null || account.deactivatedAtMs !== null) return;
  await groups.write(() => sequencer.stage(account.id, { kind: 'identity', did, handle: account.handle }));
}
