/**
 * Accounts as the index knows them: DID to row id, verified handle, status and the newest rev.
 * Not for deciding what a status means: that is index/accounts.ts. Called inside the indexer's transaction or to read.
 * Source: ours, tables in schema.ts.
 */
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { LRUCache } from 'lru-cache';

/** One account. `id` is the row id, used instead of the DID in all other tables. */
export interface AccountRow {
  readonly id: number;
  readonly did: string;
  readonly handle: string | null;
  readonly status: string;
  readonly isVisible: boolean;
  readonly rev: string | null;
}

interface StoredAccount {
  id: number;
  did: string;
  handle: string | null;
  status: string;
  is_visible: number;
  rev: string | null;
}

/** How many DIDs are kept in memory with their row ids; ids never change. */
const maxCachedIds = 100_000;

/** Reads and writes accounts. */
export class AccountStore {
  readonly #ids = new LRUCache<string, number>({ max: maxCachedIds });
  readonly #insert: Statement<[string], { id: number }>;
  readonly #select: Statement<[string], StoredAccount>;
  readonly #selectId: Statement<[string], { id: number }>;
  readonly #setRev: Statement<[string | null, number]>;
  readonly #setStatus: Statement<[string, number, number]>;
  readonly #setHandleDue: Statement<[number]>;
  readonly #setHandle: Statement<[string | null, string]>;
  readonly #due: Statement<[number], { did: string }>;
  readonly #count: Statement<[], { count: number }>;

  constructor(database: Database) {
    this.#insert = database.prepare('INSERT INTO account (did) VALUES (?) RETURNING id');
    this.#select = database.prepare('SELECT id, did, handle, status, is_visible, rev FROM account WHERE did = ?');
    this.#selectId = database.prepare('SELECT id FROM account WHERE did = ?');
    this.#setRev = database.prepare('UPDATE account SET rev = ? WHERE id = ?');
    this.#setStatus = database.prepare('UPDATE account SET status = ?, is_visible = ? WHERE id = ?');
    this.#setHandleDue = database.prepare('UPDATE account SET handle_due = 1 WHERE id = ?');
    this.#setHandle = database.prepare('UPDATE account SET handle = ?, handle_due = 0 WHERE did = ?');
    this.#due = database.prepare('SELECT did FROM account WHERE handle_due = 1 AND is_visible = 1 LIMIT ?');
    this.#count = database.prepare('SELECT COUNT(*) AS count FROM account');
  }

  /** Gives the account, or null when nothing was ever heard of it. */
  find(did: string): AccountRow | null {
    const row = this.#select.get(did);
    return row === undefined ? null : { id: row.id, did: row.did, handle: row.handle, status: row.status, isVisible: row.is_visible === 1, rev: row.rev };
  }

  /** Gives the row id; makes an active account when there is none. Only inside a transaction that will not be rolled back on its own. */
  idOf(did: string): number {
    const cached = this.#ids.get(did);
    if (cached !== undefined) return cached;
    const id = (this.#selectId.get(did) ?? this.#insert.get(did))?.id ?? 0;
    this.#ids.set(did, id);
    return id;
  }

  /** Forgets cached ids; called when a transaction was rolled back. */
  forgetIds(): void {
    this.#ids.clear();
  }

  /** Remembers the newest rev; null: any rev is new. */
  setRev(id: number, rev: string | null): void {
    this.#setRev.run(rev, id);
  }

  setStatus(id: number, status: string, isVisible: boolean): void {
    this.#setStatus.run(status, isVisible ? 1 : 0, id);
  }

  /** Notes that the handle must be looked up again. The old one is shown until then. */
  setHandleDue(id: number): void {
    this.#setHandleDue.run(id);
  }

  /** Sets the verified handle, or null when it does not verify. */
  setHandle(did: string, handle: string | null): void {
    this.#setHandle.run(handle, did);
  }

  /** Gives DIDs of visible accounts whose handle must be looked up. */
  handlesDue(limit: number): string[] {
    return this.#due.all(limit).map(({ did }) => did);
  }

  /** How many accounts were ever heard of. */
  count(): number {
    return this.#count.get()?.count ?? 0;
  }
}
