/**
 * Keeps the account table on disk: loads it at start, writes what has changed in small batches.
 * Not in any event's path: the log is the truth for what came after `appliedSeq`, see replay.ts.
 * Place in the flow: hop 7, second: a batch is written only when the log is durable up to what the batch contains.
 * Source: ours, docs/invariants.md 6. SQLite's synchronous is NORMAL here: after a power cut an older batch is the last
 * one, whole, and the log's tail is applied again from there.
 */
import { assert } from '@dunlin/protocol/base/assert';
import { openDatabase } from '@dunlin/service/sqlite/database';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { localStatuses, upstreamStatuses } from './account-row.ts';
import { AccountTable } from './account-table.ts';
import { accountMigrations } from './schema.ts';

/** Most rows in one transaction: a few ms of the main thread. */
export const batchRows = 500;

/** A row of the table as it is stored. */
export interface StoredRow {
  readonly row: number;
  readonly did: string;
  readonly host: number;
  readonly upstream_active: number;
  readonly upstream_status: string;
  readonly local_status: string;
  readonly desynchronized: number;
  readonly rev: string | null;
  readonly data: Buffer | null;
  readonly head: Buffer | null;
  readonly key_curve: string | null;
  readonly key: Buffer | null;
  readonly key_checked_seconds: number;
  readonly told: number;
}

/** The table's place on disk. */
export class AccountStore {
  readonly #database: Database;
  readonly #put: Statement<[StoredRow]>;
  readonly #progress: Statement<[number]>;

  constructor(path: string) {
    this.#database = openDatabase(path, { migrations: accountMigrations, pragmas: { synchronous: 'NORMAL' } });
    this.#put = this.#database.prepare(`
      INSERT OR REPLACE INTO account VALUES (@row, @did, @host, @upstream_active, @upstream_status, @local_status,
        @desynchronized, @rev, @data, @head, @key_curve, @key, @key_checked_seconds, @told)`);
    this.#progress = this.#database.prepare('INSERT OR REPLACE INTO progress VALUES (1, ?)');
  }

  /** Gives the last log seq contained in the rows, or null for a new store. */
  appliedSeq(): number | null {
    const row = this.#database.prepare<[], { applied_seq: number }>('SELECT applied_seq FROM progress').get();
    return row?.applied_seq ?? null;
  }

  /** Reads all accounts into a new table. */
  load(): AccountTable {
    const table = new AccountTable();
    const rows = this.#database.prepare<[], StoredRow>('SELECT * FROM account ORDER BY row').iterate();
    for (const stored of rows) {
      const row = table.add(stored.did, stored.host);
      assert(row === stored.row, `account rows are not dense: row=${stored.row} expected=${row}`);
      fill(table, row, stored);
      // One at a time, so that the list of changed rows stays short.
      table.takeDirty(1);
    }
    return table;
  }

  /** Takes up to `most` changed rows out of the table, as they are now. They must be written, or the process end. */
  take(table: AccountTable, most: number): readonly StoredRow[] {
    return table.takeDirty(Math.min(most, batchRows)).map((row) => stored(table, row));
  }

  /**
   * Writes rows; the log must be durable up to everything they contain. `appliedSeq`, when not null, says that with
   * these every log event up to it is contained in the store.
   */
  write(rows: readonly StoredRow[], appliedSeq: number | null): void {
    this.#database.transaction(() => {
      for (const row of rows) this.#put.run(row);
      if (appliedSeq !== null) this.#progress.run(appliedSeq);
    })();
  }

  /** Remembers that an account's events must go from the log, before that is begun; all written before is durable too. */
  beginScrub(did: string): void {
    const insert = this.#database.prepare<[string]>('INSERT OR REPLACE INTO scrub VALUES (?)');
    this.#durably(() => insert.run(did));
  }

  /** Makes all that was written durable. */
  sync(): void {
    const progress = this.#database.prepare('UPDATE progress SET one = 1');
    this.#durably(() => progress.run());
  }

  /** Forgets it again: they are gone. */
  endScrub(did: string): void {
    this.#database.prepare<[string]>('DELETE FROM scrub WHERE did = ?').run(did);
  }

  /** Gives the accounts whose scrubbing was begun and not ended. */
  openScrubs(): string[] {
    return this.#database.prepare<[], { did: string }>('SELECT did FROM scrub').all().map((row) => row.did);
  }

  close(): void {
    this.#database.close();
  }

  /** Runs a change so that it, and everything before it, survives a power cut. */
  #durably(change: () => void): void {
    this.#database.pragma('synchronous = FULL');
    try {
      change();
    } finally {
      this.#database.pragma('synchronous = NORMAL');
    }
  }
}

function stored(table: AccountTable, row: number): StoredRow {
  const told = table.told(row);
  const repo = told ?? table.repo(row);
  const key = table.key(row);
  return {
    row,
    did: table.did(row),
    host: table.hostId(row),
    upstream_active: Number(table.isActiveUpstream(row)),
    upstream_status: table.upstream(row),
    local_status: table.local(row),
    desynchronized: Number(table.isDesynchronized(row)),
    rev: repo?.rev ?? null,
    data: repo?.data ? Buffer.from(repo.data) : null,
    head: repo ? Buffer.from(repo.head) : null,
    key_curve: key?.curve ?? null,
    key: key ? Buffer.from(key.bytes) : null,
    key_checked_seconds: table.keyCheckedSeconds(row),
    told: Number(told !== null),
  };
}

function fill(table: AccountTable, row: number, from: StoredRow): void {
  table.setUpstream(row, from.upstream_active === 1, upstreamStatuses.find((status) => status === from.upstream_status) ?? 'other');
  table.setLocal(row, localStatuses.find((status) => status === from.local_status) ?? 'none');
  table.setDesynchronized(row, from.desynchronized === 1);
  if (from.told === 1 && from.rev !== null && from.head) table.setTold(row, { rev: from.rev, head: from.head, data: from.data });
  else if (from.rev !== null && from.data && from.head) table.setRepo(row, { rev: from.rev, data: from.data, head: from.head });
  if (from.key && from.key_curve !== null) {
    table.setKey(row, { curve: from.key_curve === 'p256' ? 'p256' : 'k256', bytes: from.key }, from.key_checked_seconds);
  }
}
