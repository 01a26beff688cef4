/**
 * The step of a move that takes the person: their DID is made to name this server. For a did:plc the old server signs, with a code it
 * mails, an operation that keeps the person's own rotation keys, puts a new one of theirs first if they made one, takes out the old
 * server's and puts in ours; for a did:web the page shows what the document must say, unless the old server writes it. With an archive the person's recovery key signed.
 * What the old server signs is compared with what was asked before it is sent. Source: did:plc v0.3; com.atproto.identity.*PlcOperation*.
 */
import type { PlcState } from '@dunlin/protocol/identity/plc-operation';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { SigningKeys } from '../account/signing-keys.ts';
import { checkGivenKey } from '../identity/given-key.ts';
import { withHandle, type PlcClient } from '../identity/plc-client.ts';
import type { PlcOperations } from '../identity/plc-operations.ts';
import type { ServerIdentity } from '../identity/server-identity.ts';
import { MoveFault } from './move-fault.ts';
import type { OldServer } from './old-server.ts';

/** Most rotation keys a DID may have. Source: the did:plc directory. */
export const maxRotationKeys = 5;

/** Whose a rotation key is, as far as can be known: the old server names its own, and may lie. */
export type KeyHolder = 'thisServer' | 'thisOperator' | 'oldServer' | 'unknown';

/** What the DID is to say, and what becomes of the keys that rule it. */
export interface IdentityPlan {
  /** What it says now. */
  readonly present: PlcState & { readonly cid: string };
  readonly state: PlcState;
  /** Keys that stay, such as the person's own. */
  readonly keptKeys: readonly string[];
  /** Keys that go, such as the old server's. */
  readonly droppedKeys: readonly string[];
  holderOf(key: string): KeyHolder;
}

/** What the person decides about the keys. */
export interface KeyWishes {
  /** A new key of theirs, as did:key; null for none. */
  readonly recoveryKey: string | null;
  /** Those of the present keys that stay; null for all that neither server calls its own. */
  readonly keptKeys: readonly string[] | null;
  /** CID of the operation that said what the person was shown; null for whatever is the newest. */
  readonly newest: string | null;
}

/** Plans and makes the change. */
export class MoveIdentity {
  readonly #plc: PlcClient;
  readonly #plcOperations: PlcOperations;
  readonly #keys: SigningKeys;
  readonly #server: ServerIdentity;

  constructor(o: { plc: PlcClient; plcOperations: PlcOperations; keys: SigningKeys; server: ServerIdentity }) {
    this.#plc = o.plc;
    this.#plcOperations = o.plcOperations;
    this.#keys = o.keys;
    this.#server = o.server;
  }

  /** What a DID document must say for an account to live here. */
  wantedOf({ id, handle }: Account): { handle: string; signingKey: string; pdsUrl: string } {
    return { handle, signingKey: this.#keys.of(id).did, pdsUrl: this.#server.publicUrl };
  }

  /** Plans the change of a did:plc. @throws XrpcError 400, IdentityChanged when the person was shown another state, or a key is to stay that does not rule it, 502; MoveFault */
  async plan(account: Account, old: OldServer, { recoveryKey, keptKeys: wanted, newest }: KeyWishes): Promise<IdentityPlan> {
    if (recoveryKey !== null) checkGivenKey('recoveryKey', recoveryKey);
    const [present, { rotationKeys }] = await Promise.all([
      this.#plc.stateOf(account.did),
      old.query('com.atproto.identity.getRecommendedDidCredentials'),
    ]);
    if (newest !== null && newest !== present.cid) throw invalidRequest('the DID was changed meanwhile: look again', 'IdentityChanged');
    const theirs = new Set<unknown>(Array.isArray(rotationKeys) ? rotationKeys : []);
    const ours = this.#plc.rotationKeys();
    const others = present.rotationKeys.filter((key) => !ours.includes(key));
    if (wanted?.some((key) => !others.includes(key))) throw invalidRequest('a key that is to stay does not rule the DID: it was changed meanwhile, look again', 'IdentityChanged');
    const keptKeys = others.filter((key) => (wanted === null ? !theirs.has(key) : wanted.includes(key)));
    const droppedKeys = others.filter((key) => !keptKeys.includes(key));
    const holderOf = (key: string): KeyHolder => (key === this.#plc.rotationKey ? 'thisServer' : ours.includes(key) ? 'thisOperator' : theirs.has(key) ? 'oldServer' : 'unknown');
    const keys = [...new Set([...(recoveryKey === null ? [] : [recoveryKey]), ...keptKeys, ...this.#plc.rotationKeys()])];
    if (keys.length > maxRotationKeys) throw invalidRequest(`a DID can have ${maxRotationKeys} rotation keys, this would be ${keys.length}: leave the new recovery key out, or remove one at the old server`);
    return { present, state: stateHere(present, { ...this.wantedOf(account), rotationKeys: keys }), keptKeys, droppedKeys, holderOf };
  }

  /** Tells whether the old server writes the document of a did:web: asked with a code that cannot hold, it refuses that or the DID. @throws MoveFault */
  async isHostedBy(account: Account, old: OldServer): Promise<boolean> {
    try {
      await this.#changeHosted(account, old, '-');
      return true;
    } catch (fault) {
      // A server that does not know the method passes it on, and then anything may come back.
      if (fault instanceof MoveFault && fault.code !== 'OldSessionOver') return fault.theirError === 'InvalidToken' || fault.theirError === 'ExpiredToken';
      throw fault;
    }
  }

  /** Lets the old server sign the change with the code it mailed, and submits it unless `check` throws just before. @throws XrpcError 400, 502; MoveFault; what `check` throws */
  async change(account: Account, old: OldServer, { token, check, ...wishes }: KeyWishes & { token: string; check: () => void }): Promise<void> {
    check();
    if (!account.did.startsWith('did:plc:')) return this.#changeHosted(account, old, token);
    const { state } = await this.plan(account, old, wishes);
    const { operation } = await old.procedure('com.atproto.identity.signPlcOperation', { token, ...state });
    if (!saysExactly(operation, state)) throw new MoveFault('OldServerRefused', 'The old server signed something else than it was asked to. Nothing was changed.');
    check();
    await this.#plcOperations.submit(account, operation);
  }

  async #changeHosted(account: Account, old: OldServer, token: string): Promise<void> {
    const { handle, signingKey, pdsUrl } = this.wantedOf(account);
    await old.procedure('app.dunlin.identity.updateHostedDid', { token, home: { handle, signingKey, endpoint: pdsUrl } });
  }
}

/** Gives a state of a DID with this server's parts in place and all others kept. */
export function stateHere(present: PlcState, o: { handle: string; signingKey: string; pdsUrl: string; rotationKeys: readonly string[] }): PlcState {
  return {
    rotationKeys: o.rotationKeys,
    alsoKnownAs: withHandle(present.alsoKnownAs, o.handle),
    verificationMethods: { ...present.verificationMethods, atproto: o.signingKey },
    services: { ...present.services, atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: o.pdsUrl } },
  };
}

/** Tells whether an operation says what a state says, no more and no less. */
export function saysExactly(operation: unknown, state: PlcState): boolean {
  if (typeof operation !== 'object' || operation === null) return false;
  const said = operation as Partial<Record<keyof PlcState, unknown>>;
  return sorted(said.rotationKeys) === sorted(state.rotationKeys) && sorted(said.alsoKnownAs) === sorted(state.alsoKnownAs)
    && sorted(said.verificationMethods) === sorted(state.verificationMethods) && sorted(said.services) === sorted(state.services);
}

/** JSON with the keys of objects in order; lists stay as they are, since their order says something. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'object' && part !== null && !Array.isArray(part) ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1))) : part)) ?? '';
}
