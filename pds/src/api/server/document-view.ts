/**
 * The DID document that goes along with a session, so that a client finds its server.
 * A directory that does not answer leaves it out; nobody is kept from signing in by that.
 * Source: lexicon com.atproto.server.createSession (`didDoc`); sent with sessions only when the operator wants it, as the reference.
 */
import { ProtocolError } from '@dunlin/protocol/base/errors';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';

/** Finds documents for answers. */
export class DocumentView {
  readonly #resolver: IdentityResolver;
  readonly #isSentWithSessions: boolean;

  constructor(resolver: IdentityResolver, o: { isSentWithSessions: boolean }) {
    this.#resolver = resolver;
    this.#isSentWithSessions = o.isSentWithSessions;
  }

  /** Gives the field for a session: nothing unless the operator wants it. */
  async forSession(did: string): Promise<{ didDoc?: unknown }> {
    return this.#isSentWithSessions ? this.#find(did, false) : {};
  }

  /** Gives the field for an account that was just made. */
  forNewAccount(did: string): Promise<{ didDoc?: unknown }> {
    return this.#find(did, true);
  }

  async #find(did: string, refresh: boolean): Promise<{ didDoc?: unknown }> {
    try {
      const document = await this.#resolver.resolveDid(did, { refresh });
      return document === null ? {} : { didDoc: document.raw };
    } catch (fault) {
      if (fault instanceof ProtocolError) return {};
      throw fault;
    }
  }
}
