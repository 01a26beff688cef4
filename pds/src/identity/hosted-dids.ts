/**
 * did:web DIDs of handles under this server's domains, whose documents it writes and serves by host name: made from the account as it is
 * now, so that a change of handle, key or address is in them at once. One that moved away names its new home, one that was deleted here
 * has ended for ever. Opt-in (PDS_HOSTED_DID_WEB). Not for did:web documents that people host themselves.
 * Before an account is made, the document to be is served and looked up through the network: a name that does not lead here makes none.
 * Source: W3C CCG did:web method; AT Protocol spec "DID"; ours, decisions/0026.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { parseServiceOrigin } from '@dunlin/protocol/identity/did-document';
import { didWebOf } from '@dunlin/protocol/identity/did-web';
import { parseHandle } from '@dunlin/protocol/identity/handle-syntax';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { AccountRows } from '../account/account-rows.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { SigningKeys } from '../account/signing-keys.ts';
import { checkGivenKey } from './given-key.ts';
import type { HostedDid, HostedDidStore, OtherHome } from './hosted-did-store.ts';
import type { ServerIdentity } from './server-identity.ts';

/** What is asked for at a host name: nobody's, a DID that has ended, or a document. */
export type HostedAnswer = { readonly kind: 'none' } | { readonly kind: 'ended' } | { readonly kind: 'document'; readonly document: object };

/** Writes documents. */
export class HostedDids implements AccountRows {
  readonly #store: HostedDidStore;
  readonly #accounts: AccountStore;
  readonly #keys: SigningKeys;
  readonly #server: ServerIdentity;
  readonly #resolver: IdentityResolver;
  readonly #clock: Clock;
  /** Documents of accounts that are being made, by host name. */
  readonly #coming = new Map<string, object>();
  /** Whether new ones are made; those there are stay. */
  readonly areMade: boolean;

  constructor(o: { hostedDids: HostedDidStore; accounts: AccountStore; keys: SigningKeys; server: ServerIdentity; resolver: IdentityResolver; clock: Clock; areMade: boolean }) {
    this.#store = o.hostedDids;
    this.#accounts = o.accounts;
    this.#keys = o.keys;
    this.#server = o.server;
    this.#resolver = o.resolver;
    this.#clock = o.clock;
    this.areMade = o.areMade;
  }

  /** Tells whether a document is written here and the account lives here: then it follows the account by itself. */
  follows(did: string): boolean {
    const found = this.#find(did);
    return found !== null && found.home === null && !found.hasEnded;
  }

  /** Tells whether a handle is the name of somebody's DID, present or past, and so nobody else's to have. */
  isHeld(handle: string, did: string | null): boolean {
    return this.#store.find(handle) !== null && did !== didWebOf(handle);
  }

  /** Gives what stands at a host name. */
  at(host: string): HostedAnswer {
    const coming = this.#coming.get(host);
    if (coming !== undefined) return { kind: 'document', document: coming };
    const found = this.#store.find(host);
    if (found === null) return { kind: 'none' };
    const account = found.accountId === null ? null : this.#accounts.byId(found.accountId);
    if (found.hasEnded || (account === null && found.home === null)) return { kind: 'ended' };
    const here = account && { signingKey: this.#keys.of(account.id).did, endpoint: this.#server.publicUrl };
    const home = found.home ?? here;
    if (home === null) return { kind: 'ended' };
    return { kind: 'document', document: documentOf(host, { ...home, handle: found.home === null ? (account?.handle ?? found.handle) : found.handle }) };
  }

  /**
   * Serves the document to be while `make` runs, once the network has been seen to get it; `make` adds the row (`add`).
   * @throws XrpcError 400 UnresolvableDid, IncompatibleDidDoc
   */
  async begin<T>(o: { handle: string; signingKey: string }, make: () => Promise<T>): Promise<T> {
    const [host, did] = [o.handle, didWebOf(o.handle)];
    // One of them may be this server's own: whoever wrote its document could speak for it.
    const isTaken = this.#store.find(host) !== null || this.#coming.has(host) || this.#server.audiences.includes(did);
    if (isTaken) throw invalidRequest(`DID is taken: ${did}`, 'IncompatibleDidDoc');
    this.#coming.set(host, documentOf(host, { ...o, endpoint: this.#server.publicUrl }));
    try {
      const found = await this.#resolver.resolveDid(did, { refresh: true }).catch(asNone);
      if (found === null) throw invalidRequest(`https://${host}/.well-known/did.json does not lead to this server`, 'UnresolvableDid');
      if (found.signingKey?.didKey !== o.signingKey) throw invalidRequest(`https://${host}/.well-known/did.json is not what this server says`, 'IncompatibleDidDoc');
      return await make();
    } catch (fault) {
      this.#resolver.invalidate(did);
      throw fault;
    } finally {
      this.#coming.delete(host);
    }
  }

  /** Adds the DID of an account that is made now; within its transaction. */
  add(accountId: number, handle: string): void {
    this.#store.add(handle, { accountId, handle, nowMs: this.#clock.nowMs() });
  }

  /** Checks that the document of a DID is written here. @throws XrpcError 400 NotHosted */
  checkHosted(did: string): void {
    this.#require(did);
  }

  /** Lets a document name another home, or this server again with null; within a group. @throws XrpcError 400 when it is not written here, or the home is none */
  setHome(did: string, wanted: { signingKey: string; endpoint: string; handle: string } | null): HostedDid {
    const found = this.#require(did);
    const account = found.accountId === null ? null : this.#accounts.byId(found.accountId);
    if (wanted === null && account === null) throw invalidRequest('the account is not here any more');
    const home = wanted && checkHome(wanted);
    const handle = home?.handle ?? account?.handle ?? found.handle;
    const isHere = home !== null && home.endpoint === this.#server.publicUrl && account !== null && home.signingKey === this.#keys.of(account.id).did;
    this.#store.setHome(found.host, handle, isHere ? null : home);
    return { ...found, handle, home: isHere ? null : home };
  }

  /** An account is gone from here. */
  removeAll(accountId: number): void {
    this.#store.accountGone(accountId, this.#clock.nowMs());
  }

  #require(did: string): HostedDid {
    const found = this.#find(did);
    if (found === null || found.hasEnded) throw invalidRequest(`this server does not write the document of ${did}`, 'NotHosted');
    return found;
  }

  #find(did: string): HostedDid | null {
    return did.startsWith('did:web:') ? this.#store.find(did.slice('did:web:'.length)) : null;
  }
}

function documentOf(host: string, { handle, signingKey, endpoint }: { handle: string } & OtherHome): object {
  const did = didWebOf(host);
  return {
    '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
    id: did,
    alsoKnownAs: [`at://${handle}`],
    verificationMethod: [{ id: `${did}#atproto`, type: 'Multikey', controller: did, publicKeyMultibase: signingKey.slice('did:key:'.length) }],
    service: [{ id: '#atproto_pds', type: 'AtprotoPersonalDataServer', serviceEndpoint: endpoint }],
  };
}

function checkHome({ signingKey, endpoint, handle }: { signingKey: string; endpoint: string; handle: string }): { handle: string } & OtherHome {
  const [origin, name] = [parseServiceOrigin(endpoint), parseHandle(handle)];
  if (origin === null) throw invalidRequest('endpoint must be the address of a server, without a path');
  if (name === null) throw invalidRequest('handle is not valid');
  checkGivenKey('signingKey', signingKey);
  return { signingKey, endpoint: origin, handle: name };
}

function asNone(fault: unknown): null {
  if (fault instanceof ProtocolError) return null;
  throw fault;
}
