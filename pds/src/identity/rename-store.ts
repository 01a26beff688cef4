/**
 * The rows of a rename: which accounts are told to live under which host.
 * Runs on the one connection; a row is written in the transaction that tells the network of its account.
 * Not here: what a rename does (`host-rename.ts`). Source: ours.
 */
import type { Database, Statement } from '@dunlin/service/sqlite/database';

/** Progress in the database. Every method is synchronous. */
export class RenameStore {
  readonly #host: Statement<[number], string>;
  readonly #put: Statement<[number, string, number], unknown>;
  readonly #remove: Statement<[number], unknown>;

  constructor(database: Database) {
    this.#host = database.prepare<[number], string>('SELECT host FROM host_rename WHERE account = ?').pluck();
    this.#put = database.prepare('INSERT INTO host_rename (account, host, done_at) VALUES (?, ?, ?) ON CONFLICT (account) DO UPDATE SET host = excluded.host, done_at = excluded.done_at');
    this.#remove = database.prepare('DELETE FROM host_rename WHERE account = ?');
  }

  /** Tells whether an account was renamed to this host, and to no other since. */
  isDone(accountId: number, host: string): boolean {
    return this.#host.get(accountId) === host;
  }

  /** Notes that an account was renamed to a host. */
  finish(accountId: number, host: string, nowMs: number): void {
    this.#put.run(accountId, host, nowMs);
  }

  /** Forgets an account that is gone. */
  removeAll(accountId: number): void {
    this.#remove.run(accountId);
  }
}
