/**
 * Carries changed accounts from the table to the store, in rounds, without stopping the world.
 * Not for deciding when: checkpoint.ts runs a round every second or so.
 * Place in the flow: after the log, before host cursors (invariant 6). A row is taken as it is, then the log is awaited
 * up to that moment, then the row is written; so the store is never ahead of the log.
 * Source: ours.
 */
import type { RelayLog } from '../log/relay-log.ts';
import { batchRows } from './account-store.ts';
import type { AccountStore, StoredRow } from './account-store.ts';
import type { AccountTable } from './account-table.ts';

/** What a saver works on. */
export interface AccountSaverParts {
  readonly table: AccountTable;
  readonly store: AccountStore;
  readonly log: RelayLog;
}

/** Saves accounts; one round at a time. */
export class AccountSaver {
  readonly #parts: AccountSaverParts;
  #savedSeq: number;
  #last: Promise<unknown> = Promise.resolve();
  /** Rows taken out of the table whose writing failed, for want of room; they are written first next time. */
  #unwritten: readonly StoredRow[] = [];

  constructor(parts: AccountSaverParts) {
    this.#parts = parts;
    this.#savedSeq = parts.store.appliedSeq() ?? 0;
  }

  /** Writes everything that has changed so far; rounds asked for meanwhile follow one after another. */
  save(): Promise<void> {
    const round = this.#last.then(() => this.#round());
    this.#last = round.catch(() => undefined);
    return round;
  }

  async #round(): Promise<void> {
    const { table, store, log } = this.#parts;
    const upTo = log.appendedSeq;
    let left = table.dirtyCount;
    if (left === 0 && this.#unwritten.length === 0 && upTo === this.#savedSeq) return;
    do {
      const rows = store.take(table, left);
      left -= rows.length;
      this.#unwritten = [...this.#unwritten, ...rows];
      await log.settled();
      store.write(this.#unwritten, left <= 0 ? upTo : null);
      this.#unwritten = [];
      if (rows.length === batchRows) await new Promise<void>((resolve) => setImmediate(resolve));
    } while (left > 0);
    this.#savedSeq = upTo;
  }
}
