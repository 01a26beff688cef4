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

  /** Registers a DID. @throws XrpcError 502 UpstreamFailure when the directory refuses or cannot be reached */
  register({ did, operation }: NewDid): Promise<void> {
    return this.#submit(did, operation);
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

  /** Sends an operation that a caller hands in. @throws XrpcError 400 when the directory refuses it, 502 UpstreamFailure when it cannot be reached */
  async submit(did: string, operation: SignedPlcOperation): Promise<void> {
    const answer = await asUpstream(() => submitPlcOperation(this.#directory, did, operation));
    if (!answer.accepted) throw invalidRequest(`did:plc directory refused the operation: ${answer.message}`);
  }

  /** Signs a change of a DID's present state and sends it. @throws XrpcError 400 when the DID has ended, 502 UpstreamFailure */
  async update(did: string, change: (state: PlcState) => PlcState): Promise<void> {
    await this.#submit(did, await this.sign(did, change));
  }

  /** As `update`, but gives the directory's refusal with its status. @throws XrpcError 400 when the DID has ended, 502 UpstreamFailure */
  async tryUpdate(did: string, change: (state: PlcState) => PlcState): Promise<PlcSubmission> {
    const operation = await this.sign(did, change);
    return asUpstream(() => submitPlcOperation(this.#directory, did, operation));
  }

  /** Ends a DID that was registered for an account which then could not be made. */
  async tombstone({ did, operation }: NewDid): Promise<void> {
    const prev = plcOperationCid(operation).toString();
    await this.#submit(did, signPlcOperation<UnsignedPlcTombstone>({ type: 'plc_tombstone', prev }, this.#rotationKey));
  }

  async #submit(did: string, operation: SignedPlcOperation): Promise<void> {
    const answer = await asUpstream(() => submitPlcOperation(this.#directory, did, operation));
    if (!answer.accepted) throw upstreamFailure(`status=${answer.status} ${answer.message}`);
  }
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
