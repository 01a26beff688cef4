/**
 * What the scopes of an OAuth token let its client do, as questions that throw when the answer is no.
 * Not for password sessions, which have no scopes of this kind: they have no Permissions at all.
 * Not for turning permission sets into scopes, which happened when the token was made.
 * Source: atproto.com/specs/permission; @atproto/oauth-scopes judges; name and text of the refusal as the reference PDS.
 */
import { ScopeMissingError, ScopePermissionsTransition } from '@atproto/oauth-scopes';
import { XrpcError } from '@dunlin/service/xrpc/errors';

/** What is done to a record. */
export type RecordAction = 'create' | 'update' | 'delete';

/** The scopes of one token, `transition:` ones understood. */
export class Permissions {
  readonly #scopes: ScopePermissionsTransition;

  /** `scope` is the token's, parts joined by spaces. */
  constructor(scope: string) {
    this.#scopes = new ScopePermissionsTransition(scope);
  }

  /** Tells whether the mandatory `atproto` scope is there. */
  get isAtproto(): boolean {
    return this.#scopes.scopes.has('atproto');
  }

  /** Tells whether the client may see the e-mail address. */
  get allowsEmail(): boolean {
    return this.#scopes.allowsAccount({ attr: 'email', action: 'read' });
  }

  /** @throws XrpcError 403 ScopeMissingError unless the client may do this to records of the collection */
  requireRecord(action: RecordAction, collection: string): void {
    asRefusal(() => this.#scopes.assertRepo({ action, collection }));
  }

  /** @throws XrpcError 403 ScopeMissingError unless the client may upload blobs of the media type */
  requireBlob(mime: string): void {
    asRefusal(() => this.#scopes.assertBlob({ mime }));
  }

  /** `aud` is `did#service` or a DID, `lxm` a method or '*'. @throws XrpcError 403 ScopeMissingError unless the client may call it there */
  requireRpc(lxm: string, aud: string): void {
    asRefusal(() => this.#scopes.assertRpc({ lxm, aud }));
  }

  /** @throws XrpcError 403 ScopeMissingError unless the client may read or manage this side of the account */
  requireAccount(attr: 'email' | 'repo' | 'status', action: 'read' | 'manage'): void {
    asRefusal(() => this.#scopes.assertAccount({ attr, action }));
  }

  /** `*` stands for the whole DID document. @throws XrpcError 403 ScopeMissingError unless the client may change it */
  requireIdentity(attr: 'handle' | '*'): void {
    asRefusal(() => this.#scopes.assertIdentity({ attr }));
  }
}

function asRefusal(check: () => void): void {
  try {
    check();
  } catch (fault) {
    if (fault instanceof ScopeMissingError) throw new XrpcError(403, 'ScopeMissingError', fault.message, {}, { cause: fault });
    throw fault;
  }
}
