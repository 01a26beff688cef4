/**
 * What becomes of an intent: its account is made true to its document, or it is given up, when the directory has said which.
 * Asked when a change was taken, and for whatever a crash, a fault or a silent directory left. Works on one DID; whoever calls sees to
 * it that nobody else does meanwhile. Not for when that is (`identity-changes.ts`). Source: ours, decisions/0032.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { plcOperationCid, plcStateOf, type SignedPlcOperation } from '@dunlin/protocol/identity/plc-operation';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import type { Logger } from '@dunlin/service/log/logger';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import { accountState, type Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { ReservedKeys } from '../account/reserved-keys.ts';
import type { SigningKeys } from '../account/signing-keys.ts';
import { syncEvent } from '../repo/events.ts';
import type { HeadStore } from '../repo/head-store.ts';
import type { RepoRenewal } from '../repo/renewal.ts';
import type { GroupCommit, WriteGroup } from '../sequencer/group-commit.ts';
import type { Sequencer } from '../sequencer/sequencer.ts';
import type { Intent, IntentStore } from './intent-store.ts';
import { withHandle, type PlcClient } from './plc-client.ts';
import type { ServerIdentity } from './server-identity.ts';

/** For so long after it was sent an operation that the directory does not show may still come to it, in ms. */
export const unsureMs = 60_000;

/** A new DID is ended for want of its account within this time only: later the disk may have gone back in time, and the account be real. */
export const endableMs = 3_600_000;

/** Settles intents. */
export class IntentSettlement {
  readonly #intents: IntentStore;
  readonly #accounts: AccountStore;
  readonly #reserved: ReservedKeys;
  readonly #keys: SigningKeys;
  readonly #heads: HeadStore;
  readonly #renewal: RepoRenewal;
  readonly #plc: PlcClient;
  readonly #resolver: IdentityResolver;
  readonly #server: ServerIdentity;
  readonly #groups: GroupCommit;
  readonly #sequencer: Sequencer;
  readonly #clock: Clock;
  readonly #log: Logger;

  constructor(o: {
    intents: IntentStore; accounts: AccountStore; reservedKeys: ReservedKeys; keys: SigningKeys; heads: HeadStore; renewal: RepoRenewal; plc: PlcClient;
    resolver: IdentityResolver; server: ServerIdentity; groups: GroupCommit; sequencer: Sequencer; clock: Clock; log: Logger;
  }) {
    this.#intents = o.intents;
    this.#accounts = o.accounts;
    this.#reserved = o.reservedKeys;
    this.#keys = o.keys;
    this.#heads = o.heads;
    this.#renewal = o.renewal;
    this.#plc = o.plc;
    this.#resolver = o.resolver;
    this.#server = o.server;
    this.#groups = o.groups;
    this.#sequencer = o.sequencer;
    this.#clock = o.clock;
    this.#log = o.log;
  }

  /** Settles the intent of a DID by what the directory says; leaves one that may still be carried out. @throws XrpcError 502 UpstreamFailure, and nothing is changed */
  async settle(did: string, signal: AbortSignal): Promise<void> {
    const intent = this.#intents.find(did);
    if (intent === null) return;
    const last = await this.#plc.lastOperation(did, signal);
    if (intent.accountId === null) return await this.#settleUnborn(intent, last, signal);
    const account = this.#accounts.byId(intent.accountId);
    if (account === null) return;
    const isSaid = last !== null && says(last, intent);
    if (!isSaid && this.#isYoung(intent) && last !== null && plcStateOf(last) !== null) return;
    const isTaken = isSaid && intent.handle !== null && (this.#accounts.byHandle(intent.handle)?.id ?? account.id) !== account.id;
    if (isTaken) await this.#putBack(account, last, signal);
    await this.#groups.write((group) => {
      if (this.#intents.find(did) === null) return;
      if (isSaid && !isTaken) return void this.carryOut(group, intent);
      this.#intents.remove(did);
      // What else was asked for cannot be told from what stands there.
      if (intent.handle === null && intent.signingKey === null) this.#tell(account);
    });
  }

  /** Ends a DID that was registered and has no account, when it is still as it was made, and only then. */
  async #settleUnborn(intent: Intent, last: SignedPlcOperation | null, signal: AbortSignal): Promise<void> {
    const { did, operation, handle } = intent;
    if (last === null && this.#isYoung(intent)) {
      if (handle !== null) await this.#groups.write(() => this.#intents.letGo(did));
      return;
    }
    if (last !== null && isSame(last, operation) && this.#accounts.byDid(did) === null) {
      const ageMs = this.#clock.nowMs() - intent.begunAtMs;
      const answer = ageMs >= 0 && ageMs < endableMs ? await this.#plc.send(did, this.#plc.tombstoneOf(operation), signal) : null;
      if (answer?.accepted !== true) this.#log.warn({ did, ...answer }, 'a new DID without an account stays registered');
    }
    await this.#groups.write(() => this.#intents.remove(did));
  }

  /** Makes the account what an intent says, which is there no more then, and tells of it; within a group. False, and nothing done, when the account or the intent is gone. */
  carryOut(group: WriteGroup, intent: Intent): boolean {
    const { did, accountId, handle, signingKey } = intent;
    const account = accountId === null ? null : this.#accounts.byId(accountId);
    if (account === null || this.#intents.find(did) === null) return false;
    this.#intents.remove(did);
    group.afterCommit(() => this.#forgetLookups(intent, account));
    if (signingKey !== null) {
      this.setKey(group, account.id, Keypair.fromPrivateBytes('k256', signingKey));
      return true;
    }
    if (handle !== null && handle !== account.handle) this.#accounts.setHandle(account.id, handle);
    this.#tell({ ...account, handle: handle ?? account.handle });
    return true;
  }

  /** Gives the account a key and a commit signed with it, and tells of both; one without a repository gets its commit with that. @throws XrpcError 400 AccountNotFound */
  setKey(group: WriteGroup, accountId: number, keypair: Keypair): void {
    const account = this.#accounts.byId(accountId);
    if (account === null) throw invalidRequest('Account not found', 'AccountNotFound');
    const { did } = account;
    this.#accounts.setSigningKey(accountId, keypair.privateBytes());
    this.#reserved.release(keypair);
    group.afterCommit(() => this.#keys.forget(accountId));
    if (this.#heads.find(accountId) === null) return;
    const commit = this.#renewal.renew(group, { accountId, did, keypair });
    if (!accountState(account).active) return;
    this.#tell(account);
    this.#sequencer.stage(accountId, syncEvent({ did, ...commit }));
  }

  /** Gives a document that still names this server the name back that the account has: somebody else here has the one it was to get. */
  async #putBack({ did, handle }: Account, last: SignedPlcOperation, signal: AbortSignal): Promise<void> {
    const state = plcStateOf(last);
    const isOurs = state !== null && state.services['atproto_pds']?.endpoint === this.#server.publicUrl && state.rotationKeys.includes(this.#plc.rotationKey);
    const answer = isOurs
      ? await this.#plc.send(did, this.#plc.signAfter(last, { ...state, alsoKnownAs: withHandle(state.alsoKnownAs, handle) }), signal)
      : { accepted: false, message: 'its document is not this server\'s to change' };
    if (!answer.accepted) this.#log.warn({ did, ...answer }, 'a DID keeps a name that another account has');
  }

  #tell({ id, did, handle }: Account): void {
    this.#sequencer.stage(id, { kind: 'identity', did, handle });
  }

  #forgetLookups({ did, handle }: Intent, account: Account): void {
    this.#resolver.invalidate(did);
    if (handle === null) return;
    this.#resolver.invalidateHandle(account.handle);
    this.#resolver.invalidateHandle(handle);
  }

  /** A time that has not come yet is of a clock that was ahead, and says nothing. */
  #isYoung({ begunAtMs }: Intent): boolean {
    const ageMs = this.#clock.nowMs() - begunAtMs;
    return ageMs >= 0 && ageMs < unsureMs;
  }
}

function isSame(a: SignedPlcOperation, b: SignedPlcOperation): boolean {
  return plcOperationCid(a).toString() === plcOperationCid(b).toString();
}

/** Tells whether a DID says by its newest operation what an intent wanted: that very operation, or a later one of the same meaning. */
function says(last: SignedPlcOperation, { operation, handle, signingKey }: Intent): boolean {
  if (isSame(last, operation)) return true;
  const state = plcStateOf(last);
  if (state === null) return false;
  if (handle !== null) return state.alsoKnownAs.find((name) => name.startsWith('at://')) === `at://${handle}`;
  return signingKey !== null && state.verificationMethods['atproto'] === Keypair.fromPrivateBytes('k256', signingKey).did;
}
