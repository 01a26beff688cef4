/**
 * Getting an account with a did:web of its owner's back at this server when its old one is gone. Its document is the proof: it must name this
 * server and a key made for this one attempt. Key and claim are given out together, and whoever shows the claim opens the account: others may
 * read the key in the document, but they have no claim for it. Not for did:plc, where a signature proves it (`restoration.ts`).
 * Source: did:web; ours, docs/decisions/0024-an-archive-and-a-recovery-key.md.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { toBase64Url, utf8Encode } from '@dunlin/protocol/base/bytes';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { constantTimeEqual } from '@dunlin/protocol/crypto/constant-time';
import { hmacSha256 } from '@dunlin/protocol/crypto/hash';
import type { DidDocument } from '@dunlin/protocol/identity/did-document';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import type { Registrar, RegisteredAccount } from '../account/register.ts';
import type { ReservedKeys } from '../account/reserved-keys.ts';
import type { ServerIdentity } from '../identity/server-identity.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { MoveObserver } from './move-runner.ts';
import type { MoveStore } from './move-store.ts';

/** What the document must say, and what opens the account then. */
export interface WebGround {
  readonly signingKey: string;
  readonly pdsUrl: string;
  /** Secret of whoever asked. */
  readonly claim: string;
}

/** An account to be opened; handle, e-mail address and password were judged before. */
export interface WantedWebRestore {
  readonly did: string;
  readonly handle: string;
  readonly email: string | null;
  readonly password: string;
  readonly inviteCode: string | null;
  readonly claim: string;
}

/** Restores accounts whose documents their owners write. */
export class WebRestoration {
  readonly #key: Uint8Array;
  readonly #store: MoveStore;
  readonly #registrar: Registrar;
  readonly #reserved: ReservedKeys;
  readonly #resolver: IdentityResolver;
  readonly #server: ServerIdentity;
  readonly #groups: GroupCommit;
  readonly #isAccepting: boolean;
  readonly #clock: Clock;
  readonly #observer: MoveObserver;

  /** `key` makes claims: 32 bytes; `isAccepting` false refuses every new account. */
  constructor(o: {
    key: Uint8Array; isAccepting: boolean; moves: MoveStore; registrar: Registrar; reservedKeys: ReservedKeys; resolver: IdentityResolver; server: ServerIdentity;
    groups: GroupCommit; clock: Clock; observer: MoveObserver;
  }) {
    this.#key = o.key;
    this.#isAccepting = o.isAccepting;
    this.#store = o.moves;
    this.#registrar = o.registrar;
    this.#reserved = o.reservedKeys;
    this.#resolver = o.resolver;
    this.#server = o.server;
    this.#groups = o.groups;
    this.#clock = o.clock;
    this.#observer = o.observer;
  }

  /** Gives what the document must say for a DID to come here; reserves a new key each time. */
  async groundFor(did: string): Promise<WebGround> {
    const { did: signingKey } = await this.#groups.write(() => this.#reserved.reserve(null));
    return { signingKey, pdsUrl: this.#server.publicUrl, claim: `${signingKey}.${this.#proofOf(did, signingKey)}` };
  }

  /** Opens the account, deactivated, for whoever has the claim of the key that the document names. @throws XrpcError 400 InvalidClaim, DocumentNotReady…, 502 */
  async open({ claim, ...wanted }: WantedWebRestore): Promise<RegisteredAccount> {
    if (!this.#isAccepting) throw invalidRequest('Service is not accepting repo imports');
    const [signingKey = '', proof = ''] = claim.split('.');
    const keypair = this.#reserved.findByKey(signingKey);
    if (!constantTimeEqual(proof, this.#proofOf(wanted.did, signingKey)) || keypair === null) throw invalidRequest('the claim is not of this account, or too old: begin again', 'InvalidClaim');
    const fault = this.#faultOf(await this.#documentOf(wanted.did), { handle: wanted.handle, signingKey });
    if (fault !== null) throw invalidRequest(fault, 'DocumentNotReady');
    const account = await this.#registrar.register({
      ...wanted, recoveryKey: null, existingDid: wanted.did, keypair,
      alongside: (accountId) => this.#store.begin(accountId, { origin: null, operation: null, nowMs: this.#clock.nowMs() }),
    });
    this.#observer.begun();
    return account;
  }

  #proofOf(did: string, signingKey: string): string {
    return toBase64Url(hmacSha256(this.#key, utf8Encode(`${did} ${signingKey}`)));
  }

  async #documentOf(did: string): Promise<DidDocument | null> {
    try {
      return await this.#resolver.resolveDid(did, { refresh: true });
    } catch (fault) {
      if (fault instanceof ProtocolError) throw new XrpcError(502, 'UpstreamFailure', 'the document of the DID cannot be read at the moment, try again', {}, { cause: fault });
      throw fault;
    }
  }

  #faultOf(document: DidDocument | null, { handle, signingKey }: { handle: string; signingKey: string }): string | null {
    if (document === null) return 'there is no document of this DID';
    const { pdsUrl } = document;
    if (pdsUrl !== this.#server.publicUrl) return `the document does not name this server: serviceEndpoint of #atproto_pds is ${pdsUrl ?? 'missing'}, it must be ${this.#server.publicUrl}`;
    if (document.signingKey?.didKey !== signingKey) return `the document does not name the key made for you: publicKeyMultibase of #atproto must be ${signingKey.slice('did:key:'.length)}`;
    if (document.handle !== handle) return `the document does not name the handle: the first of alsoKnownAs must be at://${handle}`;
    return null;
  }
}
