/**
 * Getting an account with a did:web of its owner's back at this server when its old one is gone. Its document is the proof: it must name this
 * server and a key made for this one attempt. Key and claim are given out together, and whoever shows the claim opens the account: others may
 * read the key in the document, but they have no claim for it. The key is made of the claim and of a secret of this server, so nothing is
 * kept of an attempt. Not for did:plc, where a signature proves it (`restoration.ts`).
 * Source: did:web; ours, docs/decisions/0024-an-archive-and-a-recovery-key.md.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { fromBase64Url, toBase64Url, utf8Encode } from '@dunlin/protocol/base/bytes';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { hmacSha256 } from '@dunlin/protocol/crypto/hash';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { randomBytes } from '@dunlin/protocol/crypto/random';
import type { DidDocument } from '@dunlin/protocol/identity/did-document';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import type { Registrar, RegisteredAccount } from '../membership/register.ts';
import type { ServerIdentity } from '../identity/server-identity.ts';
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

/** Length of a claim, in bytes. */
const claimBytes = 32;

/** Restores accounts whose documents their owners write. */
export class WebRestoration {
  readonly #key: Uint8Array;
  readonly #store: MoveStore;
  readonly #registrar: Registrar;
  readonly #resolver: IdentityResolver;
  readonly #server: ServerIdentity;
  readonly #isAccepting: boolean;
  readonly #clock: Clock;
  readonly #observer: MoveObserver;

  /** `key` makes signing keys of claims: 32 bytes; `isAccepting` false refuses every new account. */
  constructor(o: {
    key: Uint8Array; isAccepting: boolean; moves: MoveStore; registrar: Registrar; resolver: IdentityResolver; server: ServerIdentity;
    clock: Clock; observer: MoveObserver;
  }) {
    this.#key = o.key;
    this.#isAccepting = o.isAccepting;
    this.#store = o.moves;
    this.#registrar = o.registrar;
    this.#resolver = o.resolver;
    this.#server = o.server;
    this.#clock = o.clock;
    this.#observer = o.observer;
  }

  /** Gives what the document must say for a DID to come here; another key each time. */
  groundFor(did: string): WebGround {
    const claim = toBase64Url(randomBytes(claimBytes));
    return { signingKey: this.#keyOf(did, claim).did, pdsUrl: this.#server.publicUrl, claim };
  }

  /** Opens the account, deactivated, for whoever has the claim of the key that the document names. @throws XrpcError 400 InvalidClaim, DocumentNotReady…, 502 */
  async open({ claim, ...wanted }: WantedWebRestore): Promise<RegisteredAccount> {
    if (!this.#isAccepting) throw invalidRequest('Service is not accepting repo imports');
    if (!isClaim(claim)) throw invalidRequest('this is no claim: begin again', 'InvalidClaim');
    const keypair = this.#keyOf(wanted.did, claim);
    const fault = this.#faultOf(await this.#documentOf(wanted.did), { handle: wanted.handle, signingKey: keypair.did });
    if (fault !== null) throw invalidRequest(fault, 'DocumentNotReady');
    const account = await this.#registrar.register({
      ...wanted, recoveryKey: null, existingDid: wanted.did, keypair,
      alongside: (accountId) => this.#store.begin(accountId, { origin: null, operation: null, nowMs: this.#clock.nowMs() }),
    });
    this.#observer.begun();
    return account;
  }

  #keyOf(did: string, claim: string): Keypair {
    return Keypair.fromPrivateBytes('k256', hmacSha256(this.#key, utf8Encode(`${did} ${claim}`)));
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

function isClaim(text: string): boolean {
  try {
    return fromBase64Url(text).length === claimBytes;
  } catch (fault) {
    if (fault instanceof ProtocolError) return false;
    throw fault;
  }
}
