/**
 * Changes of a did:plc that a directory must take first: an intent is made durable, the directory asked, then the account is made true to
 * its document and the intent taken away, in one transaction. What a crash, a fault or a silent directory leaves is settled by asking the
 * directory what it says now: at the start, before the next change of the DID, when somebody wants a name that is held, and by a job with
 * back-off. A handle that an intent names is nobody else's. One change of a DID at a time.
 * Not here: what is changed to what (`handle-change.ts`, `key-change.ts`, `plc-operations.ts`, `host-rename.ts`, `membership/register.ts`).
 * Source: ours, decisions/0032.
 */
import { AssertionFailure } from '@dunlin/protocol/base/assert';
import type { Clock, Timer } from '@dunlin/protocol/base/clock';
import type { Keypair } from '@dunlin/protocol/crypto/keypair';
import type { SignedPlcOperation } from '@dunlin/protocol/identity/plc-operation';
import type { PlcSubmission } from '@dunlin/protocol/identity/did-plc';
import { Turns } from '@dunlin/service/lifecycle/turns';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { AccountRows } from '../account/account-rows.ts';
import type { GroupCommit } from '../sequencer/group-commit.ts';
import type { Intent, IntentStore } from './intent-store.ts';
import type { IntentSettlement } from './intent-settlement.ts';
import type { NewDid, PlcClient } from './plc-client.ts';

/** Most intents at once; further changes are asked to come back later. */
export const maxIntents = 10_000;

/** First and longest wait between two looks at what is left, in ms. */
export const settleBackoff = { minMs: 1_000, maxMs: 300_000 };

/** So many DIDs in a row of which the directory says nothing end a look. */
const maxSilentInRow = 3;

/** A change of an account's DID. */
export interface WantedChange {
  /** The handle it is to have, which was judged before. */
  readonly handle?: string;
  /** The key it is to sign with. */
  readonly keypair?: Keypair;
  /** Makes what the directory is asked to take, of the account as it is when its turn has come. */
  readonly operation: (account: Account) => SignedPlcOperation | Promise<SignedPlcOperation>;
  /** Writes what else belongs to it, in the transaction that makes the account true to its document. */
  readonly alongside?: () => void;
}

/** Makes them. */
export class IdentityChanges implements AccountRows {
  readonly #intents: IntentStore;
  readonly #settlement: IntentSettlement;
  readonly #accounts: AccountStore;
  readonly #plc: PlcClient;
  readonly #groups: GroupCommit;
  readonly #clock: Clock;
  readonly #onFault: (fault: unknown) => void;
  /** By DID. */
  readonly #turns = new Turns();
  readonly #closing = new AbortController();
  #timer: Timer | null = null;
  #waitMs = settleBackoff.minMs;
  #looking: Promise<void> | null = null;
  #lastLooked = '';

  constructor(o: {
    intents: IntentStore; settlement: IntentSettlement; accounts: AccountStore; plc: PlcClient; groups: GroupCommit; clock: Clock; onFault: (fault: unknown) => void;
  }) {
    this.#intents = o.intents;
    this.#settlement = o.settlement;
    this.#accounts = o.accounts;
    this.#plc = o.plc;
    this.#groups = o.groups;
    this.#clock = o.clock;
    this.#onFault = o.onFault;
  }

  /** Tells whether a handle is held for another DID; `did` null stands for one that is not made yet. */
  isHeld(handle: string, did: string | null): boolean {
    const holder = this.#intents.holderOf(handle);
    return holder !== null && holder !== did;
  }

  /** Tells whether a change of the DID is not settled. */
  isOpen(did: string): boolean {
    return this.#intents.find(did) !== null;
  }

  /** Sees that a handle is nobody else's. @throws XrpcError 400 HandleNotAvailable */
  checkFree(handle: string, { id, did }: Account): void {
    const holder = this.#accounts.byHandle(handle);
    if ((holder !== null && holder.id !== id) || this.isHeld(handle, did)) throw invalidRequest(`Handle already taken: ${handle}`, 'HandleNotAvailable');
  }

  /** Looks whether a handle need be held any longer, if it is and nobody is at work on it. @throws XrpcError 502 UpstreamFailure when the directory does not say */
  async freeUp(handle: string): Promise<void> {
    const holder = this.#intents.holderOf(handle);
    if (holder !== null && !this.#turns.isBusy(holder)) await this.#turns.run(holder, () => this.#settlement.settle(holder, this.#closing.signal));
  }

  /**
   * Has the directory take a change and makes the account true to it; a refusal is given back and changes nothing.
   * @throws XrpcError 400 HandleNotAvailable, AccountNotFound, 502 UpstreamFailure when nobody knows whether it was taken, 503 while an earlier one is not settled; what `operation` throws
   */
  change({ id, did }: Account, wanted: WantedChange): Promise<PlcSubmission> {
    return this.#turns.run(did, async () => {
      await this.#settleBefore(did);
      const account = this.#require(id);
      const { handle = null, keypair } = wanted;
      const operation = await wanted.operation(account);
      const intent = { did, accountId: id, handle, signingKey: keypair?.privateBytes() ?? null, operation, begunAtMs: this.#clock.nowMs() };
      await this.#groups.write(() => {
        this.#require(id);
        if (handle !== null) this.checkFree(handle, account);
        this.#add(intent);
      });
      return await this.#orLeave(async () => {
        const answer = await this.#plc.send(did, operation);
        await this.#groups.write((group) => {
          if (!answer.accepted) return this.#intents.remove(did);
          if (!this.#settlement.carryOut(group, intent)) throw invalidRequest('Account not found', 'AccountNotFound');
          wanted.alongside?.();
        });
        return answer;
      });
    });
  }

  /**
   * Registers a new DID and has its account made by `store`, whose transaction calls `settled`; if that fails the DID is ended again.
   * `check` looks in the transaction of the intent whether the names are free.
   * @throws XrpcError 502 UpstreamFailure when the directory refuses or does not answer; what `check` and `store` throw
   */
  create<T>({ did, operation }: NewDid, o: { handle: string; check: () => void; store: (settled: () => void) => Promise<T> }): Promise<T> {
    return this.#turns.run(did, async () => {
      await this.#groups.write(() => {
        o.check();
        this.#add({ did, accountId: null, handle: o.handle, signingKey: null, operation, begunAtMs: this.#clock.nowMs() });
      });
      const answer = await this.#orLeave(() => this.#plc.send(did, operation));
      if (!answer.accepted) {
        await this.#orLeave(() => this.#groups.write(() => this.#intents.remove(did)));
        throw new XrpcError(502, 'UpstreamFailure', `did:plc directory did not take the request: status=${answer.status} ${answer.message}`);
      }
      try {
        return await o.store(() => this.#intents.remove(did));
      } catch (fault) {
        // The caller hears of the first fault; a DID that cannot be ended now is left to the job.
        await this.#settles(did);
        if (this.isOpen(did)) this.#lookLater();
        throw fault;
      }
    });
  }

  /** The account is gone from here, and with it what was to become of it. */
  removeAll(accountId: number): void {
    this.#intents.removeOfAccount(accountId);
  }

  /** How many changes are not settled. */
  count(): number {
    return this.#intents.count();
  }

  /**
   * Begins to settle what an earlier process left; waits for no directory.
   * After a restore (`isRestored`) new DIDs are forgotten instead of ended: their accounts may have been made after the backup.
   */
  async start({ isRestored }: { isRestored: boolean }): Promise<void> {
    if (isRestored) await this.#groups.write(() => this.#intents.removeUnborn());
    if (this.#intents.count() > 0) void this.#look();
  }

  /** Ends the job. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('service is closing'));
    this.#timer?.cancel();
    await this.#looking;
  }

  /** Leaves what fails to the job. */
  async #orLeave<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (fault) {
      this.#lookLater();
      throw fault;
    }
  }

  #require(accountId: number): Account {
    const account = this.#accounts.byId(accountId);
    if (account === null) throw invalidRequest('Account not found', 'AccountNotFound');
    return account;
  }

  #add(intent: Intent): void {
    if (this.#intents.count() >= maxIntents) throw new XrpcError(503, 'NotEnoughResources', 'too many changes of identities wait for the directory, try again later');
    this.#intents.add(intent);
  }

  async #settleBefore(did: string): Promise<void> {
    await this.#settlement.settle(did, this.#closing.signal);
    if (this.#intents.find(did) !== null) throw new XrpcError(503, 'UpstreamFailure', 'an earlier change of this identity may still reach the did:plc directory, try again in a minute');
  }

  #lookLater(): void {
    if (this.#timer !== null || this.#looking !== null || this.#closing.signal.aborted) return;
    this.#timer = this.#clock.after(this.#waitMs, () => {
      this.#timer = null;
      void this.#look();
    }, { unref: true });
  }

  /** Looks at what is left, once; never rejects. */
  #look(): Promise<void> {
    this.#looking ??= this.#lookAtAll().catch(this.#onFault).finally(() => {
      this.#looking = null;
      if (this.#intents.count() > 0) this.#lookLater();
    });
    return this.#looking;
  }

  /** Goes through what is left, on from where the last look ended early. */
  async #lookAtAll(): Promise<void> {
    const before = this.#intents.count();
    let silent = 0;
    for (let did = this.#intents.after(this.#lastLooked); did !== null && silent < maxSilentInRow; did = this.#intents.after(did)) {
      if (this.#closing.signal.aborted) return;
      this.#lastLooked = did;
      // Whoever is at work on it settles it.
      if (this.#turns.isBusy(did)) continue;
      silent = (await this.#turns.run(did, () => this.#settles(did))) ? 0 : silent + 1;
    }
    if (silent < maxSilentInRow) this.#lastLooked = '';
    this.#waitMs = this.#intents.count() < before ? settleBackoff.minMs : Math.min(this.#waitMs * 2, settleBackoff.maxMs);
  }

  /** Settles one, whose turn it is; false when that failed, and a mistake of ours is told. */
  async #settles(did: string): Promise<boolean> {
    try {
      await this.#settlement.settle(did, this.#closing.signal);
      return true;
    } catch (fault) {
      if (fault instanceof AssertionFailure || (!this.#closing.signal.aborted && !(fault instanceof XrpcError))) this.#onFault(fault);
      return false;
    }
  }
}
