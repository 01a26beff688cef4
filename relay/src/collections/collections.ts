/**
 * The collection index as a part of the relay: opened, brought up to the log, kept in step, stored, closed.
 * Not for any rule of its own (follower.ts, checks.ts have them). Place in the flow: beside account state, behind the log.
 * Storing order: accounts first, then this; whatever a crash leaves is made good at start from the log's tail, or asked
 * for again.
 * Source: ours, docs/decisions/0010-collections-from-the-commits-own-blocks.md.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { DurableEvent, EventFollower } from '../ingest/durable-event.ts';
import { isOutOfRoom } from '../log/group-writer.ts';
import { Checks } from './checks.ts';
import type { CheckedAccounts, ChecksParts } from './checks.ts';
import { CollectionIndex } from './collection-index.ts';
import { CollectionStore } from './collection-store.ts';
import { CollectionFollower } from './follower.ts';
import { goneByFrame } from './gone.ts';
import { Journals } from './journals.ts';

/** What it is made of. */
export interface CollectionsParts {
  readonly path: string;
  readonly cacheBytes: number;
  readonly accounts: CheckedAccounts;
  /** Newest durable event of the log. */
  readonly headSeq: () => number;
  /** Called when the store is found without room, and when it has some again. */
  readonly onFull?: (isFull: boolean) => void;
  readonly clock: Clock;
}

/** Changed pieces beyond which one does not wait for the next checkpoint: a few ms of the main thread. */
const saveAfterChanges = 1_000;
/** A relay that did without the index for a while does not read so much of its log again: it asks hosts. */
const maxReplayedEvents = 200_000;
/** Rows looked at in one go when a host's accounts are put in doubt. */
const rowsPerTurn = 50_000;

/** The index, running. */
export class Collections implements EventFollower {
  readonly index: CollectionIndex;
  readonly #parts: CollectionsParts;
  readonly #store: CollectionStore;
  readonly #journals = new Journals();
  readonly #follower: CollectionFollower;
  readonly #doubtfulHosts = new Set<number>();
  #checks: Checks | null = null;
  /** Events up to here are contained already, but for rows from `#trimmedRows` on. */
  #contained = 0;
  #trimmedRows = 0;
  #isSaveDue = false;
  #isDoubting = false;
  #isClosed = false;

  constructor(parts: CollectionsParts) {
    this.#parts = parts;
    this.#store = new CollectionStore(parts.path);
    this.index = new CollectionIndex(this.#store, { cacheBytes: parts.cacheBytes });
    this.#follower = new CollectionFollower({ index: this.index, journals: this.#journals, onDoubt: (row) => this.#checks?.hurry(row) });
  }

  /** Gets ready for the log's tail; gives after which seq it must begin. `accountsSeq` is what the account table contains. */
  begin(accountsSeq: number | null, oldestSeq: number): number | null {
    const rows = this.#parts.accounts.size;
    const { index } = this;
    this.#contained = index.appliedSeq ?? accountsSeq ?? 0;
    this.#trimmedRows = rows;
    index.trim(rows);
    const isFarBehind = accountsSeq !== null && accountsSeq - this.#contained > maxReplayedEvents;
    if (isFarBehind) this.#contained = accountsSeq;
    // Events that are not in the log any more, or too many to be read again, may have said anything.
    if (isFarBehind || (index.appliedSeq !== null && index.appliedSeq < oldestSeq - 1)) index.doubtAll(rows);
    return accountsSeq === null ? null : Math.min(accountsSeq, this.#contained);
  }

  /** Takes an event of the log's tail. */
  recover(event: DurableEvent, seq: number): void {
    if (seq <= this.#contained && event.row < this.#trimmedRows) return;
    this.#follow(event);
    if (this.index.changedCount > saveAfterChanges) this.#saveIfRoom(seq);
  }

  /** Begins to ask hosts. */
  startChecks(parts: Omit<ChecksParts, 'index' | 'journals' | 'accounts' | 'clock'>): void {
    const { accounts, clock } = this.#parts;
    this.#checks = new Checks({ ...parts, index: this.index, journals: this.#journals, accounts, clock });
  }

  /** Accounts to ask about that were found and wait. */
  get queued(): number {
    return this.#checks?.queued ?? 0;
  }

  durable(event: DurableEvent): void {
    this.#follow(event);
    if (this.#isSaveDue || this.index.changedCount <= saveAfterChanges) return;
    this.#isSaveDue = true;
    // Not now: the log is about to tell of more events that are durable already.
    setImmediate(() => {
      this.#isSaveDue = false;
      if (!this.#isClosed) this.#saveIfRoom(this.#parts.headSeq());
    });
  }

  missed(row: number): void {
    this.#follower.doubt(row);
  }

  /** Hears that events of a host were missed, of whichever accounts. */
  missedOf(hostId: number): void {
    this.#doubtfulHosts.add(hostId);
    if (!this.#isDoubting) this.#doubtHosts(0, new Set());
  }

  /** Stores what it has; everything up to `headSeq` is contained. @throws what the disk says; nothing is lost by it */
  save(headSeq: number): void {
    this.index.save(headSeq, this.#parts.accounts.size);
  }

  /** The same, between checkpoints: what there is no room for stays in memory, and the next one tries again. */
  #saveIfRoom(headSeq: number): void {
    try {
      this.save(headSeq);
    } catch (error) {
      if (!isOutOfRoom(error)) throw error;
      this.#parts.onFull?.(true);
    }
  }

  /** Asks no more. */
  async stop(): Promise<void> {
    await this.#checks?.close();
  }

  close(): void {
    this.#isClosed = true;
    this.#store.close();
  }

  #follow(event: DurableEvent): void {
    const { kind, row, scan, bytes, breaks } = event;
    switch (kind) {
      case 'commit':
        return this.#follower.commit({ row, scan, bytes, breaks, gone: event.gone === undefined ? goneByFrame(scan, bytes) : event.gone });
      case 'sync':
        return this.#follower.sync(row, breaks);
      case 'account':
        return this.#follower.account(row, { active: scan.active === true, isDeleted: scan.active === false && scan.status === 'deleted', breaks });
      case 'identity':
        return;
    }
  }

  /** Goes through all rows, a part each turn; hosts named meanwhile begin it anew. */
  #doubtHosts(from: number, hosts: ReadonlySet<number>): void {
    const { accounts } = this.#parts;
    const [start, now] = this.#doubtfulHosts.size > 0 ? [0, new Set([...hosts, ...this.#doubtfulHosts])] : [from, hosts];
    this.#doubtfulHosts.clear();
    const end = Math.min(accounts.size, start + rowsPerTurn);
    for (let row = start; row < end; row++) if (now.has(accounts.hostId(row))) this.#follower.doubt(row);
    this.#isDoubting = end < accounts.size && !this.#isClosed;
    if (this.#isDoubting) setImmediate(() => this.#doubtHosts(end, now));
  }
}
