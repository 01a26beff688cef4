/**
 * Getting an account back at this server when its old one is gone: the person has an archive, and a rotation key of their own.
 * Whoever shows an operation that names this server and a key reserved here, signed with a rotation key the DID has now, rules the DID:
 * that opens a deactivated account. The operation is kept, and sent to the directory only when the archive has been brought whole.
 * The private key never comes here: the page signs. Not for did:web (`web-restoration.ts`). Source: did:plc v0.3; docs/decisions/0024-an-archive-and-a-recovery-key.md.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { findPlcSigner, parsePlcOperation, type PlcState, type Signed, type UnsignedPlcUpdate } from '@dunlin/protocol/identity/plc-operation';
import { invalidRequest } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { Registrar, RegisteredAccount } from '../membership/register.ts';
import type { ReservedKeys } from '../account/reserved-keys.ts';
import type { SigningKeys } from '../account/signing-keys.ts';
import type { BlobStore } from '../blob/blob-store.ts';
import type { PlcClient } from '../identity/plc-client.ts';
import type { ServerIdentity } from '../identity/server-identity.ts';
import type { RepoReader } from '../repo/read.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { MoveObserver, MoveRunner } from './move-runner.ts';
import { stoppedByOperator, type Move, type MoveStore } from './move-store.ts';

/** What an operation must say, and what it stands on. */
export interface RestoreGround {
  /** CID of the newest operation. */
  readonly prev: string;
  /** What the DID says now. */
  readonly present: PlcState;
  /** Key the account will sign with here. */
  readonly signingKey: string;
  /** This server's rotation keys, which must be among those of the operation. */
  readonly serverKeys: readonly string[];
  readonly pdsUrl: string;
}

/** An account to be opened; handle, e-mail address and password were judged before. */
export interface WantedRestore {
  readonly did: string;
  readonly handle: string;
  readonly email: string | null;
  readonly password: string;
  readonly inviteCode: string | null;
  readonly operation: unknown;
  /** Address of who asks. */
  readonly ip: string;
}

/** Restores accounts from archives. */
export class Restoration {
  readonly #store: MoveStore;
  readonly #runner: MoveRunner;
  readonly #registrar: Registrar;
  readonly #accounts: AccountStore;
  readonly #reserved: ReservedKeys;
  readonly #keys: SigningKeys;
  readonly #plc: PlcClient;
  readonly #server: ServerIdentity;
  readonly #repos: RepoReader;
  readonly #blobs: BlobStore;
  readonly #groups: GroupCommit;
  readonly #isAccepting: boolean;
  readonly #clock: Clock;
  readonly #observer: MoveObserver;

  /** `isAccepting` false refuses every new account. */
  constructor(o: {
    isAccepting: boolean;
    moves: MoveStore; runner: MoveRunner; registrar: Registrar; accounts: AccountStore; reservedKeys: ReservedKeys; keys: SigningKeys; plc: PlcClient;
    server: ServerIdentity; repos: RepoReader; blobs: BlobStore; groups: GroupCommit; clock: Clock; observer: MoveObserver;
  }) {
    this.#isAccepting = o.isAccepting;
    this.#store = o.moves;
    this.#runner = o.runner;
    this.#registrar = o.registrar;
    this.#accounts = o.accounts;
    this.#reserved = o.reservedKeys;
    this.#keys = o.keys;
    this.#plc = o.plc;
    this.#server = o.server;
    this.#repos = o.repos;
    this.#blobs = o.blobs;
    this.#groups = o.groups;
    this.#clock = o.clock;
    this.#observer = o.observer;
  }

  /** Gives what an operation must say for a DID to come here; reserves the key for whoever asks from `ip`. @throws XrpcError 400 when the DID is no did:plc or has ended, 502 */
  async groundFor(did: string, ip: string): Promise<RestoreGround> {
    if (!did.startsWith('did:plc:')) throw invalidRequest('only a did:plc can be brought back with an operation; a did:web is ruled by its own document');
    const { cid: prev, ...present } = await this.#plc.stateOf(did);
    const account = this.#accounts.byDid(did);
    const key = account === null ? await this.#groups.write(() => this.#reserved.reserve(did, ip)) : this.#keys.of(account.id);
    return { prev, present, signingKey: key.did, serverKeys: this.#plc.rotationKeys(), pdsUrl: this.#server.publicUrl };
  }

  /** Opens the account, deactivated, for whoever rules the DID. @throws XrpcError 400 InvalidOperation…, 502 */
  async open({ ip, ...wanted }: WantedRestore): Promise<RegisteredAccount> {
    if (!this.#isAccepting) throw invalidRequest('Service is not accepting repo imports');
    const operation = await this.#judge(wanted, wanted.operation, ip);
    const account = await this.#registrar.register({
      ...wanted, recoveryKey: null, existingDid: wanted.did,
      alongside: (accountId) => this.#store.begin(accountId, { origin: null, operation: JSON.stringify(operation), nowMs: this.#clock.nowMs() }),
    });
    this.#observer.begun();
    return account;
  }

  /** Takes an operation anew, when the DID was changed meanwhile. @throws XrpcError 400 InvalidOperation, NoMove, 502 */
  signAgain(account: Account, json: unknown, ip: string): Promise<void> {
    return this.#runner.alone(account.id, () => this.#signAgain(account, json, ip));
  }

  async #signAgain(account: Account, json: unknown, ip: string): Promise<void> {
    this.#require(account);
    const operation = await this.#judge(account, json, ip);
    await this.#runner.stop(account.id);
    await this.#groups.write(() => {
      this.#store.setOperation(account.id, JSON.stringify(operation), this.#clock.nowMs());
      this.#store.setStop(account.id, null, this.#clock.nowMs());
    });
    this.#runner.run(account.id);
  }

  /** Says that the archive has been brought; the rest goes by itself. @throws XrpcError 400 ArchiveIncomplete, NoMove */
  complete(account: Account, o: { withoutMissing: boolean }): Promise<void> {
    return this.#runner.alone(account.id, () => this.#complete(account, o));
  }

  async #complete(account: Account, { withoutMissing }: { withoutMissing: boolean }): Promise<void> {
    if (this.#require(account).step !== 'archive') return;
    const { named, held } = this.#blobs.counts(account.id);
    if (this.#repos.head(account.id) === null) throw invalidRequest('the repository has not come whole, bring it again', 'ArchiveIncomplete');
    if (this.#repos.counts(account.id).records === 0 && !withoutMissing) throw invalidRequest('there are no records here: the repository of the archive was not brought yet', 'ArchiveIncomplete');
    if (held < named && !withoutMissing) throw invalidRequest(`${named - held} of ${named} files have not come`, 'ArchiveIncomplete');
    await this.#groups.write(() => this.#store.setStep(account.id, 'identity', this.#clock.nowMs()));
    this.#runner.run(account.id);
  }

  async #judge({ did, handle }: { did: string; handle: string }, json: unknown, ip: string): Promise<Signed<UnsignedPlcUpdate>> {
    const ground = await this.groundFor(did, ip);
    const operation = parseUpdate(json);
    const refuse = (what: string): never => { throw invalidRequest(`the operation ${what}`, 'InvalidOperation'); };
    if (operation.prev !== ground.prev) refuse('does not follow the newest one of the DID');
    if (findPlcSigner(operation, ground.present.rotationKeys) === null) refuse('is not signed with a rotation key of the DID');
    if (!ground.serverKeys.every((key) => operation.rotationKeys.includes(key))) refuse('leaves out the rotation key of this server');
    if (operation.verificationMethods['atproto'] !== ground.signingKey) refuse('names another signing key than the one reserved here');
    const { type, endpoint } = operation.services['atproto_pds'] ?? {};
    if (type !== 'AtprotoPersonalDataServer' || endpoint !== ground.pdsUrl) refuse('does not name this server');
    if (operation.alsoKnownAs[0] !== `at://${handle}`) refuse('does not name the handle');
    return operation;
  }

  #require(account: Account): Move {
    const move = this.#store.find(account.id);
    if (move?.origin !== null) throw invalidRequest('no archive is being brought for this account', 'NoMove');
    if (move.stop?.code === stoppedByOperator) throw invalidRequest(move.stop.message, stoppedByOperator);
    return move;
  }
}

function parseUpdate(json: unknown): Signed<UnsignedPlcUpdate> {
  try {
    const operation = parsePlcOperation(json);
    if (operation.type === 'plc_operation') return operation;
  } catch (fault) {
    if (!(fault instanceof ProtocolError)) throw fault;
    throw invalidRequest(`the operation cannot be read: ${fault.message}`, 'InvalidOperation');
  }
  throw invalidRequest('the operation is no change of a DID', 'InvalidOperation');
}
