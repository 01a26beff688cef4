/**
 * Speaks to the did:plc directory for the accounts of this server: makes a DID, changes it, ends it.
 * Signs with the server's rotation key, which every account's genesis names. Not for looking DIDs up: that is the resolver.
 * Source: did:plc v0.3; order of rotation keys as the reference PDS (the person's own key first, so it outranks ours).
 */
import { ProtocolError } from '@dunlin/protocol/base/errors';
import type { Keypair } from '@dunlin/protocol/crypto/keypair';
import { fetchPlcLastOperation, submitPlcOperation, type PlcDirectory, type PlcSubmission } from '@dunlin/protocol/identity/did-plc';
import {
  createPlcGenesis, plcOperationCid, plcStateOf, signPlcOperation,
  type PlcState, type Signed, type SignedPlcOperation, type UnsignedPlcTombstone, type UnsignedPlcUpdate,
} from '@dunlin/protocol/identity/plc-operation';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';

/** A DID that was worked out but is not registered yet. */
export interface NewDid {
  readonly did: string;
  readonly operation: Signed<UnsignedPlcUpdate>;
}

/** The directory, as this server uses it. */
export class PlcClient {
  readonly #directory: PlcDirectory;
  readonly #rotationKey: Keypair;
  readonly #recoveryKey: string | null;

  /** `recoveryKey` is the operator's own key above the server's, as did:key; null for none. */
  constructor(o: { directory: PlcDirectory; rotationKey: Keypair; recoveryKey: string | null }) {
    this.#directory = o.directory;
    this.#rotationKey = o.rotationKey;
    this.#recoveryKey = o.recoveryKey;
  }

  /** Rotation keys a new account gets, the most powerful first; `own` is the person's key. */
  rotationKeys(own: string | null = null): string[] {
    return [own, this.#recoveryKey, this.#rotationKey.did].filter((key) => key !== null);
  }

  /** Works out the DID of a new account; nothing is sent. */
  prepare(o: { signingKey: string; handle: string; pdsUrl: string; recoveryKey: string | null }): NewDid {
    return createPlcGenesis({
      signingKey: o.signingKey,
      handle: o.handle,
      pdsUrl: o.pdsUrl,
      rotationKeys: this.rotationKeys(o.recoveryKey),
      rotationKeypair: this.#rotationKey,
    });
  }

  /** This server's rotation key as did:key. */
  get rotationKey(): string {
    return this.#rotationKey.did;
  }

  /** Gives the rotation keys a DID has now, the most powerful first. @throws XrpcError 400 when the DID has ended, 502 UpstreamFailure */
  async rotationKeysOf(did: string): Promise<readonly string[]> {
    return (await this.stateOf(did)).rotationKeys;
  }

  /** Gives what a DID says now, and the CID of the operation that says so. @throws XrpcError 400 when the DID has ended, 502 UpstreamFailure */
  async stateOf(did: string): Promise<PlcState & { readonly cid: string }> {
    const last = await asUpstream(() => fetchPlcLastOperation(this.#directory, did));
    const state = last && plcStateOf(last);
    if (!last || !state) throw invalidRequest(`DID is not registered or has ended: ${did}`);
    return { ...state, cid: plcOperationCid(last).toString() };
  }

  /** Gives the present state of a DID, or null when it is not registered or has ended. @throws XrpcError 502 UpstreamFailure */
  async findState(did: string): Promise<PlcState | null> {
    const last = await asUpstream(() => fetchPlcLastOperation(this.#directory, did));
    return last && plcStateOf(last);
  }

  /** Signs a change of a DID's present state; nothing is sent. @throws XrpcError 400 when the DID has ended, 502 UpstreamFailure */
  async sign(did: string, change: (state: PlcState) => PlcState): Promise<Signed<UnsignedPlcUpdate>> {
    const { cid: prev, ...state } = await this.stateOf(did);
    return signPlcOperation<UnsignedPlcUpdate>({ type: 'plc_operation', ...change(state), prev }, this.#rotationKey);
  }

  /** Signs a state that holds only if nothing came after an operation that was seen; nothing is sent. */
  signAfter(seen: SignedPlcOperation, state: PlcState): Signed<UnsignedPlcUpdate> {
    return signPlcOperation<UnsignedPlcUpdate>({ type: 'plc_operation', ...state, prev: plcOperationCid(seen).toString() }, this.#rotationKey);
  }

  /** Gives the newest operation of a DID, or null when the directory does not know it. @throws XrpcError 502 UpstreamFailure */
  lastOperation(did: string, signal: AbortSignal): Promise<SignedPlcOperation | null> {
    return asUpstream(() => fetchPlcLastOperation({ ...this.#directory, signal }, did));
  }

  /** Sends an operation and gives what the directory said. @throws XrpcError 502 UpstreamFailure when it does not say; it may have stored it */
  send(did: string, operation: SignedPlcOperation, signal?: AbortSignal): Promise<PlcSubmission> {
    return asUpstream(() => submitPlcOperation({ ...this.#directory, ...(signal && { signal }) }, did, operation));
  }

  /** Signs the end of a DID that was registered for an account which then could not be made. */
  tombstoneOf(genesis: SignedPlcOperation): Signed<UnsignedPlcTombstone> {
    return signPlcOperation<UnsignedPlcTombstone>({ type: 'plc_tombstone', prev: plcOperationCid(genesis).toString() }, this.#rotationKey);
  }
}

/** Gives what a directory's refusal of this server's own operation is to a caller. */
export function refusedUpstream({ status, message }: { status: number; message: string }): XrpcError {
  return upstreamFailure(`status=${status} ${message}`);
}

/** Puts the handle in the place of the first one and keeps whatever else the document names. */
export function withHandle(alsoKnownAs: readonly string[], handle: string): string[] {
  const others = alsoKnownAs.filter((name) => !name.startsWith('at://'));
  return [`at://${handle}`, ...others];
}

async function asUpstream<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (fault) {
    if (fault instanceof ProtocolError) throw upstreamFailure('it does not answer as one, try again later', fault);
    throw fault;
  }
}

function upstreamFailure(detail: string, cause?: unknown): XrpcError {
  return new XrpcError(502, 'UpstreamFailure', `did:plc directory did not take the request: ${detail}`, {}, { cause });
}
