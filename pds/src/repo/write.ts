/**
 * Writes to repositories: from prepared writes to a signed commit that is durable together with its event.
 * Hops 2 and 3 of the flow: `PreparedWrite[] → CommitData → SequencedEvent`. Everything runs synchronously in one savepoint of a
 * group commit, so what is checked (swaps, existing keys, blobs) still holds when it is written, and a failure leaves nothing.
 * Not here: what a caller may do (`api/`), lexicons and encoding (`prepare.ts`). Invariants 1 and 4.
 * Source: lexicons com.atproto.repo.*; error names and texts as the reference PDS, save 500s that are really the caller's mistake.
 */
import { assert } from '@dunlin/protocol/base/assert';
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Keypair } from '@dunlin/protocol/crypto/keypair';
import { cidFromBytes, type Cid } from '@dunlin/protocol/data/cid';
import { applyWrites, type CommitData, type RepoHead } from '@dunlin/protocol/repo/apply';
import type { PreparedDelete } from '@dunlin/protocol/repo/operation';
import type { TidClock } from '@dunlin/protocol/repo/tid';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import { accountState } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { SigningKeys } from '../account/signing-keys.ts';
import type { BlobStore } from '../blob/blob-store.ts';
import type { GroupCommit, WriteGroup } from '../sequencer/group-commit.ts';
import type { Sequencer } from '../sequencer/sequencer.ts';
import { BlobClaims } from './blob-claims.ts';
import type { CommitStore } from './commit-store.ts';
import { commitEvent } from './events.ts';
import type { HeadStore } from './head-store.ts';
import type { NodeReader } from './node-store.ts';
import type { PreparedRecord } from './prepare.ts';
import type { RecordStore } from './record-store.ts';
import { checkBlob, checkSwapCommit, toCallerFault } from './refusals.ts';

/** One write of a commit, with what the PDS must know about its record. */
export type PlannedWrite = PreparedRecord | PreparedDelete;

/** The repository as a plan sees it, at the moment of writing. */
export interface RepoView {
  readonly head: RepoHead;
  /** Gives the CID at a key, or null. */
  cidOf(collection: string, rkey: string): Cid | null;
  /** Gives the keys of records in a collection that point at a subject. */
  linkedTo(collection: string, subject: string): string[];
}

/** Decides what is written, seeing the repository as it is then; null writes nothing. May throw an XrpcError. */
export type WritePlan = (view: RepoView) => readonly PlannedWrite[] | null;

/** Where a repository stands after a write. */
export interface CommitReceipt {
  readonly cid: Cid;
  readonly rev: string;
}

/** Writes to repositories of this server. */
export class RepoWriter {
  readonly #groups: GroupCommit;
  readonly #sequencer: Sequencer;
  readonly #accounts: AccountStore;
  readonly #keys: SigningKeys;
  readonly #heads: HeadStore;
  readonly #records: RecordStore;
  readonly #commits: CommitStore;
  readonly #blobs: BlobStore;
  readonly #tids: TidClock;
  readonly #clock: Clock;

  constructor(o: {
    groups: GroupCommit; sequencer: Sequencer; accounts: AccountStore; keys: SigningKeys; heads: HeadStore;
    records: RecordStore; commits: CommitStore; blobs: BlobStore; tids: TidClock; clock: Clock;
  }) {
    this.#groups = o.groups;
    this.#sequencer = o.sequencer;
    this.#accounts = o.accounts;
    this.#keys = o.keys;
    this.#heads = o.heads;
    this.#records = o.records;
    this.#commits = o.commits;
    this.#blobs = o.blobs;
    this.#tids = o.tids;
    this.#clock = o.clock;
  }

  /**
   * Writes what the plan says and resolves when it is durable; null when the plan wrote nothing.
   * @throws XrpcError 400 InvalidSwap, RecordAlreadyExists, RecordNotFound, BlobNotFound, InvalidMimeType, InvalidSize,
   * 401 AccountDeactivated or AccountTakedown when the account went out of service meanwhile
   */
  write(accountId: number, plan: WritePlan, { swapCommit = null }: { swapCommit?: Cid | null } = {}): Promise<CommitReceipt | null> {
    return this.#groups.write((group) => {
      const { did } = this.#activeAccount(accountId);
      const head = this.#heads.find(accountId);
      assert(head !== null, `account has no repository: account=${accountId}`);
      checkSwapCommit(swapCommit, head.cid);
      const writes = plan(this.#view(accountId, head));
      if (writes === null) return null;
      this.#checkBlobs(accountId, writes);
      return this.#commit(group, { accountId, did, head, writes });
    });
  }

  /** Makes the first commit of a new account's repository, within a group; its events are the caller's to stage. */
  begin(group: WriteGroup, { accountId, did, keypair }: { accountId: number; did: string; keypair: Keypair }): CommitData {
    const rev = this.#tids.next();
    const reader = this.#commits.reader(accountId);
    const commit = applyWrites({ source: reader, head: null, did, keypair, rev, writes: [] });
    this.#store(group, { accountId, head: null, writes: [], reader }, commit);
    return commit;
  }

  #activeAccount(accountId: number): { did: string } {
    const account = this.#accounts.byId(accountId);
    if (account === null) throw new XrpcError(403, 'AccountNotFound', 'Account not found');
    const state = accountState(account);
    if (state.active) return account;
    throw state.status === 'takendown'
      ? new XrpcError(401, 'AccountTakedown', 'Account has been taken down')
      : new XrpcError(401, 'AccountDeactivated', 'Account is deactivated');
  }

  #view(accountId: number, head: RepoHead): RepoView {
    return {
      head,
      cidOf: (collection, rkey) => {
        const bytes = this.#records.cidOf(accountId, collection, rkey);
        return bytes === null ? null : cidFromBytes(bytes);
      },
      linkedTo: (collection, subject) => this.#records.linkedTo(accountId, collection, subject),
    };
  }

  #checkBlobs(accountId: number, writes: readonly PlannedWrite[]): void {
    let claims: BlobClaims | null = null;
    for (const write of writes) {
      if (write.action === 'delete') continue;
      for (const named of write.blobs) {
        checkBlob(named, this.#blobs.find(accountId, named.cid), () => {
          claims ??= new BlobClaims(accountId, { blobs: this.#blobs, records: this.#records });
          return claims.isSaid(named, write);
        });
      }
    }
  }

  #commit(group: WriteGroup, o: { accountId: number; did: string; head: RepoHead; writes: readonly PlannedWrite[] }): CommitReceipt {
    const reader = this.#commits.reader(o.accountId);
    const commit = this.#apply({ ...o, reader });
    this.#store(group, { ...o, reader }, commit);
    this.#sequencer.stage(o.accountId, commitEvent(commit));
    return { cid: commit.cid, rev: commit.rev };
  }

  #apply({ accountId, did, head, writes, reader }: { accountId: number; did: string; head: RepoHead; writes: readonly PlannedWrite[]; reader: NodeReader }): CommitData {
    const rev = this.#tids.next(head.rev);
    try {
      // Records are stored by key, so nobody asks whether another key names the same contents.
      return applyWrites({ source: reader, head, did, keypair: this.#keys.of(accountId), rev, writes, heldElsewhere: () => true });
    } catch (fault) {
      throw toCallerFault(fault, did);
    }
  }

  #store(group: WriteGroup, o: { accountId: number; head: RepoHead | null; writes: readonly PlannedWrite[]; reader: NodeReader }, commit: CommitData): void {
    const { accountId } = o;
    this.#commits.store(accountId, commit, { previous: o.head?.cid ?? null, reader: o.reader, group });
    for (const write of o.writes) this.#settle(accountId, write, commit.rev);
    const head = { cid: commit.cid, rev: commit.rev, data: commit.data };
    const commitBytes = commit.newBlocks.get(commit.cid);
    assert(commitBytes !== undefined, 'a commit brings its own block');
    this.#heads.set(accountId, head, commitBytes);
    group.afterCommit(() => this.#heads.remember(accountId, head));
  }

  /** Settles what a write's record points at and which blobs it names. */
  #settle(accountId: number, write: PlannedWrite, rev: string): void {
    const at = { rev, nowMs: this.#clock.nowMs() };
    if (write.action === 'delete') return this.#blobs.setUses(accountId, write, [], at);
    this.#commits.setLink(accountId, write, write.linkSubject);
    if (write.action === 'update' || write.blobs.length > 0) this.#blobs.setUses(accountId, write, write.blobs.map(({ cid }) => cid), at);
  }
}
