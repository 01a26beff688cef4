/**
 * Takes a whole repository in: staged to a file as it comes, checked whole, then put in the place of what the account had.
 * Everything is done in small steps between which the server goes on serving, and with flat memory.
 * While the rows are put in, the account has no head: a crash in between leaves it "not complete", never half believed; importing
 * again mends it. At the end stands a commit of ours over the same tree, signed with the account's key here. No events: the account
 * is not in service. Source: lexicon com.atproto.repo.importRepo; the reference keeps the old signature, which nobody could verify.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { readCarStream } from '@dunlin/protocol/car/read-stream';
import { cidAt, cidToBytes, type Cid } from '@dunlin/protocol/data/cid';
import { walkTree, type WalkStep } from '@dunlin/protocol/mst/walk';
import { signCommit, type Commit } from '@dunlin/protocol/repo/commit';
import type { TidClock } from '@dunlin/protocol/repo/tid';
import { Line } from '@dunlin/service/lifecycle/line';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { AccountStore } from '../account/account-store.ts';
import type { SigningKeys } from '../account/signing-keys.ts';
import type { BlobStore } from '../blob/blob-store.ts';
import type { HeadStore } from '../repo/head-store.ts';
import type { NodeStore } from '../repo/node-store.ts';
import type { RepoRemoval } from '../repo/remove.ts';
import { splitPath } from '../repo/record-path.ts';
import type { RecordStore } from '../repo/record-store.ts';
import type { GroupCommit, WriteGroup } from '../sequencer/group-commit.ts';
import { Arrivals } from './arrivals.ts';
import { checkCommit, checkRecords } from './check-staged.ts';
import { sliceLength, slices } from './slices.ts';
import { Staging } from './staging.ts';

/** Most imports that are being checked and put in place. */
const maxPlacedAtOnce = 2;

/** Most blocks of one repository. */
export const maxImportBlocks = 10_000_000;

/** A stop of the walk with the bytes that belong to it: a node, or a record at its key. */
type LoadedStep = WalkStep & { readonly bytes: Uint8Array };

/** Takes repositories in. */
export class RepoImporter {
  readonly #accounts: AccountStore;
  readonly #keys: SigningKeys;
  readonly #repoRemoval: RepoRemoval;
  readonly #heads: HeadStore;
  readonly #nodes: NodeStore;
  readonly #records: RecordStore;
  readonly #blobs: BlobStore;
  readonly #groups: GroupCommit;
  readonly #tids: TidClock;
  readonly #clock: Clock;
  readonly #folder: string;
  readonly #arrivals: Arrivals;
  readonly #line = new Line(maxPlacedAtOnce);

  /** `folder` holds the staging files. */
  constructor(o: {
    accounts: AccountStore; keys: SigningKeys; repoRemoval: RepoRemoval; heads: HeadStore; nodes: NodeStore; records: RecordStore;
    blobs: BlobStore; groups: GroupCommit; tids: TidClock; clock: Clock; folder: string;
  }) {
    this.#accounts = o.accounts;
    this.#keys = o.keys;
    this.#repoRemoval = o.repoRemoval;
    this.#heads = o.heads;
    this.#nodes = o.nodes;
    this.#records = o.records;
    this.#blobs = o.blobs;
    this.#groups = o.groups;
    this.#tids = o.tids;
    this.#clock = o.clock;
    this.#arrivals = new Arrivals(o.clock);
    this.#folder = o.folder;
  }

  /**
   * Imports a CAR into a deactivated account and resolves when it is durable.
   * @throws XrpcError 400 InvalidRequest when the account is in service, is importing already, or the repository is not valid;
   * 503 NotEnoughResources when too many import, or it comes slowly and others wait; what the source throws
   */
  async import(account: Account, car: AsyncIterable<Uint8Array>): Promise<void> {
    this.#assertOutOfService(account.id);
    const arrival = this.#arrivals.enter(account.id);
    const staging = new Staging(this.#folder);
    try {
      const root = await stage(staging, arrival.take(car));
      await this.#line.run(() => this.#place(account, staging, root));
    } finally {
      arrival.leave();
      staging.close();
    }
  }

  async #place(account: Account, staging: Staging, root: Cid): Promise<void> {
    const commit = checkCommit(staging, root, { did: account.did, nowMs: this.#clock.nowMs() });
    for (const _slice of slices(checkRecords(staging, commit.data), (bytes) => bytes)) await nextTurn();
    await this.#replace(account, staging, commit);
  }

  async #replace({ id, did }: Account, staging: Staging, { data, rev: importedRev }: Commit): Promise<void> {
    await this.#removeAll(id);
    const rev = this.#tids.next(importedRev);
    for (const slice of slices(loaded(staging, data), ({ bytes }) => bytes.length)) {
      // Nodes are views on what the walk reads; the database copies them before the walk goes on.
      await this.#write(id, () => this.#put(id, rev, slice));
    }
    for (const slice of slices(staging.blobs())) {
      await this.#write(id, () => {
        for (const { cid, ...place } of slice) this.#blobs.addUse(id, place, cid, rev);
      });
    }
    for (const slice of slices(staging.links())) {
      await this.#write(id, () => {
        for (const { subject, ...place } of slice) this.#records.setLink(id, place, subject);
      });
    }
    await this.#write(id, (group) => {
      const { cid, bytes } = signCommit({ did, data, rev, keypair: this.#keys.of(id) });
      this.#heads.set(id, { cid, rev, data }, bytes);
      group.afterCommit(() => this.#heads.remember(id, { cid, rev, data }));
    });
  }

  /** What was there may be millions of rows, which nobody shall wait for in one go. */
  async #removeAll(id: number): Promise<void> {
    for (let isLeft = true; isLeft;) {
      isLeft = await this.#write(id, () => {
        const hadUses = this.#blobs.unuseSome(id, sliceLength);
        return this.#repoRemoval.removeSome(id, sliceLength) || hadUses;
      });
    }
    await this.#write(id, () => {
      this.#repoRemoval.removeAll(id);
      this.#blobs.unuseAll(id, this.#clock.nowMs());
    });
  }

  #put(id: number, rev: string, steps: readonly LoadedStep[]): void {
    const added: [Cid, Uint8Array][] = [];
    for (const step of steps) {
      if (step.kind === 'node') added.push([cidAt(step.link, 0), step.bytes]);
      else this.#records.put(id, { ...splitPath(step.key), cid: step.value, rev, bytes: step.bytes });
    }
    this.#nodes.change(id, { rev, removed: [], added });
  }

  /** Writes one slice, provided that the account is still there and out of service. */
  #write<T>(accountId: number, run: (group: WriteGroup) => T): Promise<T> {
    return this.#groups.write((group) => {
      this.#assertOutOfService(accountId);
      return run(group);
    });
  }

  #assertOutOfService(accountId: number): void {
    const account = this.#accounts.byId(accountId);
    if (account === null) throw new XrpcError(403, 'AccountNotFound', 'Account not found');
    if (account.deactivatedAtMs === null) throw invalidRequest('account must be deactivated to import a repository');
  }
}

/** Writes every block to the staging file and gives the root. */
async function stage(staging: Staging, car: AsyncIterable<Uint8Array>): Promise<Cid> {
  try {
    const { roots, blocks } = await readCarStream(car, { maxBlocks: maxImportBlocks, maxBytes: Number.MAX_SAFE_INTEGER });
    const [root] = roots;
    if (root === undefined || roots.length !== 1) {
      await blocks.return();
      throw invalidRequest('expected one root');
    }
    let count = 0;
    for await (const [cid, bytes] of blocks) {
      staging.add(cid, bytes);
      if (++count % sliceLength === 0) await nextTurn();
    }
    staging.seal();
    return root;
  } catch (fault) {
    if (fault instanceof ProtocolError) throw invalidRequest(`CAR is not valid: ${fault.message}`);
    throw fault;
  }
}

function* loaded(staging: Staging, data: Cid): Generator<LoadedStep, void, undefined> {
  for (const step of walkTree(staging, cidToBytes(data))) {
    const bytes = step.kind === 'node' ? step.bytes : staging.getBytes(step.value);
    if (bytes === undefined) throw invalidRequest(`record is missing: ${step.kind === 'entry' ? step.key : ''}`);
    yield { ...step, bytes };
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
