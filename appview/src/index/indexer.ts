/**
 * Takes events of the stream into the index: rows and cursor in one transaction, then tells what changed.
 * At least once is enough: a commit whose rev is not newer than the account's newest is passed by.
 * Not for reading the stream (ingest/) nor for what a kind of record means (the *-index files beside it).
 * Source: ours, see docs/flow.md hops 10 and 11, docs/invariants.md 5 and 12.
 */
import type { ReactionSource } from '../reactions/sources.ts';
import type { IndexStore } from '../store/index-store.ts';
import { applyAccountStatus, tellTurned } from './accounts.ts';
import { ChangeList } from './change-list.ts';
import type { ChangeFeed, Changes } from './changes.ts';
import type { CollectionIndex, SkipReason } from './collection-index.ts';
import type { IndexEvent, IndexOperation } from './event.ts';
import { createMessageIndex, messageCollection } from './message-index.ts';
import { createReactionIndex } from './reaction-index.ts';
import type { RecordLexicon } from './record-lexicon.ts';
import { createRoomIndex, roomCollection } from './room-index.ts';

/** Where the stream is after a batch. */
export interface StreamPosition {
  /** Address of the service read; each has its own cursor. */
  readonly service: string;
  readonly seq: number;
}

/** What became of the records of a batch, for the metrics. */
export type RecordOutcome = 'indexed' | 'deleted' | SkipReason;

/** What an indexer needs. */
export interface IndexerOptions {
  readonly store: IndexStore;
  readonly sources: readonly ReactionSource[];
  readonly lexicon: RecordLexicon;
  readonly feed: ChangeFeed;
  /** ms since 1970. */
  readonly nowMs: () => number;
  readonly onRecord?: (outcome: RecordOutcome) => void;
  readonly onOldCommit?: () => void;
}

/** The one writer of the index. */
export class Indexer {
  readonly #o: IndexerOptions;
  readonly #collections: ReadonlyMap<string, CollectionIndex>;

  constructor(o: IndexerOptions) {
    this.#o = o;
    const { rooms, messages, reactions } = o.store;
    this.#collections = new Map<string, CollectionIndex>([
      ...o.sources.map((source): [string, CollectionIndex] => [source.collection, createReactionIndex(source, reactions)]),
      [roomCollection, createRoomIndex(rooms, messages)],
      [messageCollection, createMessageIndex(messages, rooms)],
    ]);
  }

  /** The collections that go into the index. */
  get collections(): string[] {
    return [...this.#collections.keys()];
  }

  /**
   * Applies events in order and moves the cursor, all in one transaction; when it returns, both are durable and every listener knows.
   * `position` null leaves the cursor where it is.
   */
  apply(events: readonly IndexEvent[], position: StreamPosition | null): Changes {
    const changes = new ChangeList();
    this.#o.store.write(() => {
      const indexedAt = this.#o.nowMs();
      for (const event of events) this.#applyOne(event, indexedAt, changes);
      tellTurned(this.#o.store, changes);
      if (position !== null) this.#o.store.saveCursor(position.service, position.seq);
    });
    this.#o.feed.publish(changes);
    return changes;
  }

  /** Writes down what a look-up of a handle gave. */
  applyHandle(did: string, handle: string | null): void {
    const before = this.#o.store.accounts.find(did);
    if (before === null) return;
    this.#o.store.write(() => this.#o.store.accounts.setHandle(did, handle));
    if (before.handle !== handle) this.#o.feed.publish({ subjects: new Set(), inOrder: [{ kind: 'handle', did, handle }] });
  }

  #applyOne(event: IndexEvent, indexedAt: number, changes: ChangeList): void {
    switch (event.kind) {
      case 'commit':
        return this.#applyCommit(event, indexedAt, changes);
      case 'account':
        return applyAccountStatus(this.#o.store, event, changes);
      case 'identity':
        return this.#o.store.accounts.setHandleDue(this.#o.store.accounts.idOf(event.did));
    }
  }

  #applyCommit(event: IndexEvent & { kind: 'commit' }, indexedAt: number, changes: ChangeList): void {
    const { accounts } = this.#o.store;
    const accountId = accounts.idOf(event.did);
    const { rev, isVisible } = accounts.find(event.did) ?? { rev: null, isVisible: true };
    if (rev !== null && event.rev <= rev) {
      this.#o.onOldCommit?.();
      return;
    }
    const told = isVisible ? changes : new ChangeList();
    for (const operation of event.operations) this.#applyOperation(event.did, accountId, operation, indexedAt, told);
    accounts.setRev(accountId, event.rev);
  }

  #applyOperation(did: string, accountId: number, operation: IndexOperation, indexedAt: number, changes: ChangeList): void {
    const { collection, rkey } = operation;
    const index = this.#collections.get(collection);
    if (index === undefined) return;
    if (operation.action === 'delete') {
      index.remove(did, accountId, rkey, changes);
      this.#o.onRecord?.('deleted');
      return;
    }
    if (!this.#o.lexicon.fits(collection, operation.record)) {
      index.remove(did, accountId, rkey, changes);
      this.#o.onRecord?.('invalidRecord');
      return;
    }
    const { cid, record: value } = operation;
    this.#o.onRecord?.(index.put({ did, accountId, collection, rkey, cid, value, indexedAt }, changes) ?? 'indexed');
  }
}
