/**
 * Tells whether an account's DID document names this server and the account's key, and if not, what is wrong with it.
 * Asked before an account goes into service. Not for changing the document (`plc-client.ts`).
 * Source: what consumers of the network check; own sentences.
 */
import { ProtocolError } from '@dunlin/protocol/base/errors';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import type { Account } from '../account/account.ts';
import type { SigningKeys } from '../account/signing-keys.ts';
import type { ServerIdentity } from './server-identity.ts';

/** Compares documents with this server. */
export class DocumentCheck {
  readonly #resolver: IdentityResolver;
  readonly #keys: SigningKeys;
  readonly #server: ServerIdentity;

  constructor(resolver: IdentityResolver, keys: SigningKeys, server: ServerIdentity) {
    this.#resolver = resolver;
    this.#keys = keys;
    this.#server = server;
  }

  /** Tells whether the document is right; false also when nobody can tell at the moment. */
  async isSeenRight(account: Account): Promise<boolean> {
    try {
      return (await this.faultOf(account)) === null;
    } catch (fault) {
      if (fault instanceof ProtocolError && fault.code === 'IdentityUnavailable') return false;
      throw fault;
    }
  }

  /** Gives what is wrong with the document as of now, in one sentence, or null. @throws ProtocolError IdentityUnavailable */
  async faultOf(account: Account): Promise<string | null> {
    const document = await this.#resolver.resolveDid(account.did, { refresh: true });
    if (document === null) return `Could not resolve DID: ${account.did}`;
    if (document.pdsUrl !== this.#server.publicUrl) return `DID document does not name this server: #atproto_pds is ${document.pdsUrl ?? 'missing'}`;
    const key = this.#keys.of(account.id).did;
    if (document.signingKey?.didKey !== key) return `DID document does not name the account's signing key: #atproto is ${document.signingKey?.didKey ?? 'missing'}`;
    return null;
  }
}
