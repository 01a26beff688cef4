/**
 * Group commit: writes that arrive together, of any accounts, share one transaction and one fsync.
 * Every write runs synchronously inside a savepoint, so writes are serial (also per account), and one that throws is undone alone.
 * Each caller is answered after the whole group is durable, and only then are events told and caches updated (invariants 1, 12).
 * Hop 3 of the flow. A group closes when no further write has arrived during a turn of the event loop, or at its bounds.
 * Source: ours; field measurements: one fsync per write bounds SQLite to about 2,000 writes a second.
 */
import { assert, AssertionFailure } from '@dunlin/protocol/base/assert';
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { Sequencer } from './sequencer.ts';

/** Longest time a write waits for others to share its transaction, in ms. */
export const maxGatherMs = 2;

/** Most writes in one transaction; further ones go into the next. */
export const maxGroupWrites = 128;

/** Most writes waiting; further callers are asked to come back later. */
export const maxWaitingWrites = 5_000;

/** What a write can ask of its group. */
export interface WriteGroup {
  /** Calls once the write is durable, before its caller is answered; not at all when it failed. */
  afterCommit(effect: () => void): void;
}

interface WaitingWrite {
  readonly run: (group: WriteGroup) => unknown;
  readonly resolve: (result: unknown) => void;
  readonly reject: (fault: unknown) => void;
}

type Outcome = { write: WaitingWrite; result: unknown } | { write: WaitingWrite; fault: unknown };

/** What is told about groups. */
export interface GroupObserver {
  committed(group: { writes: number; seconds: number }): void;
}

/** Gathers writes and commits them in groups. */
export class GroupCommit {
  readonly #database: Database;
  readonly #sequencer: Sequencer;
  readonly #clock: Clock;
  readonly #observer: GroupObserver | null;
  readonly #begin: Statement<[]>;
  readonly #commit: Statement<[]>;
  readonly #rollback: Statement<[]>;
  readonly #savepoint: Statement<[]>;
  readonly #release: Statement<[]>;
  readonly #undo: Statement<[]>;
  #waiting: WaitingWrite[] = [];
  #isGathering = false;

  constructor(o: { database: Database; sequencer: Sequencer; clock: Clock; observer?: GroupObserver }) {
    this.#database = o.database;
    this.#sequencer = o.sequencer;
    this.#clock = o.clock;
    this.#observer = o.observer ?? null;
    this.#begin = o.database.prepare('BEGIN IMMEDIATE');
    this.#commit = o.database.prepare('COMMIT');
    this.#rollback = o.database.prepare('ROLLBACK');
    this.#savepoint = o.database.prepare('SAVEPOINT one_write');
    this.#release = o.database.prepare('RELEASE one_write');
    this.#undo = o.database.prepare('ROLLBACK TO one_write');
  }

  /**
   * Runs a write in the next group and resolves with its result when it is durable.
   * The write must be synchronous. What it throws undoes it alone and rejects here.
   * @throws XrpcError 503 NotEnoughResources when too many writes wait
   */
  write<T>(run: (group: WriteGroup) => T): Promise<T> {
    if (this.#waiting.length >= maxWaitingWrites) {
      return Promise.reject(new XrpcError(503, 'NotEnoughResources', 'too many writes are waiting, try again later'));
    }
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ run, resolve: resolve as (result: unknown) => void, reject });
      if (!this.#isGathering) this.#gather();
    });
  }

  /** Commits whatever is waiting, at once; for closing. */
  drain(): void {
    while (this.#waiting.length > 0) this.#commitGroup();
  }

  #gather(): void {
    this.#isGathering = true;
    const startedMs = this.#clock.elapsedMs();
    const look = (seen: number): void => {
      const isGrowing = this.#waiting.length > seen;
      if (isGrowing && this.#waiting.length < maxGroupWrites && this.#clock.elapsedMs() - startedMs < maxGatherMs) {
        const now = this.#waiting.length;
        setImmediate(() => look(now));
        return;
      }
      this.#isGathering = false;
      if (this.#waiting.length > 0) this.#commitGroup();
      if (this.#waiting.length > 0 && !this.#isGathering) this.#gather();
    };
    setImmediate(() => look(0));
  }

  #commitGroup(): void {
    assert(!this.#database.inTransaction, 'a group is committed while a transaction is open');
    const writes = this.#waiting.splice(0, maxGroupWrites);
    const startedMs = this.#clock.elapsedMs();
    const effects: (() => void)[] = [];
    let outcomes: Outcome[];
    const mark = this.#sequencer.mark();
    try {
      this.#begin.run();
      outcomes = writes.map((write) => this.#runOne(write, effects));
      this.#commit.run();
    } catch (fault) {
      if (this.#database.inTransaction) this.#rollback.run();
      this.#sequencer.rewind(mark);
      const told = asOwnCorruption(fault);
      for (const write of writes) write.reject(told);
      return;
    }
    for (const effect of effects) effect();
    this.#sequencer.publish();
    this.#observer?.committed({ writes: writes.length, seconds: (this.#clock.elapsedMs() - startedMs) / 1000 });
    for (const outcome of outcomes) {
      if ('fault' in outcome) outcome.write.reject(outcome.fault);
      else outcome.write.resolve(outcome.result);
    }
  }

  /** Runs one write in its savepoint. Throws only when the whole transaction is lost, as SQLite does when the disk is full. */
  #runOne(write: WaitingWrite, effects: (() => void)[]): Outcome {
    const mark = this.#sequencer.mark();
    const ownEffects: (() => void)[] = [];
    this.#savepoint.run();
    try {
      const result = write.run({ afterCommit: (effect) => void ownEffects.push(effect) });
      assert(!(result instanceof Promise), 'a write is synchronous');
      this.#release.run();
      effects.push(...ownEffects);
      return { write, result };
    } catch (fault) {
      if (!this.#database.inTransaction) throw fault;
      this.#undo.run();
      this.#release.run();
      this.#sequencer.rewind(mark);
      return { write, fault: asOwnCorruption(fault) };
    }
  }
}

/** Gives a fault as an assertion failure when the database says that it is damaged: the process must not go on (invariant 8). */
export function asOwnCorruption(fault: unknown): unknown {
  const code = String((fault as { code?: unknown } | null)?.code);
  const isDamage = code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB';
  return isDamage ? new AssertionFailure(`database is damaged: code=${code}`, { cause: fault }) : fault;
}
