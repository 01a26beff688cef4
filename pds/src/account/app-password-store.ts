/**
 * App passwords by account and name: a second way in, for one program, that the person can take back alone.
 * Only their hashes are kept. Not here: making and comparing them (`app-passwords.ts`), what their sessions may do (`api/auth.ts`).
 * Source: ours; fields after the reference PDS, so that its accounts can be taken over.
 */
import type { Database, Statement } from '@dunlin/service/sqlite/database';

/** An app password without its secret. */
export interface AppPassword {
  readonly name: string;
  /** True lets its sessions at private messages and at moving the account. */
  readonly isPrivileged: boolean;
  readonly createdAtMs: number;
}

interface Row {
  name: string;
  is_privileged: number;
  created_at: number;
}

function toAppPassword(row: Row): AppPassword {
  return { name: row.name, isPrivileged: row.is_privileged === 1, createdAtMs: row.created_at };
}

/** App passwords in the database. Every method is synchronous. */
export class AppPasswordStore {
  readonly #list: Statement<[number], Row>;
  readonly #find: Statement<[number, string], Row>;
  readonly #byHash: Statement<[number, string], Row>;
  readonly #insert: Statement<[number, string, string, number, number], unknown>;
  readonly #remove: Statement<[number, string], unknown>;
  readonly #removeAll: Statement<[number], unknown>;

  constructor(database: Database) {
    const columns = 'SELECT name, is_privileged, created_at FROM app_password WHERE account = ?';
    this.#list = database.prepare(`${columns} ORDER BY created_at DESC, name`);
    this.#find = database.prepare(`${columns} AND name = ?`);
    this.#byHash = database.prepare(`${columns} AND password_hash = ?`);
    this.#insert = database.prepare('INSERT INTO app_password (account, name, password_hash, is_privileged, created_at) VALUES (?, ?, ?, ?, ?)');
    this.#remove = database.prepare('DELETE FROM app_password WHERE account = ? AND name = ?');
    this.#removeAll = database.prepare('DELETE FROM app_password WHERE account = ?');
  }

  /** Lists those of an account, the newest first. */
  list(accountId: number): AppPassword[] {
    return this.#list.all(accountId).map(toAppPassword);
  }

  /** Gives the one of that name, or null. */
  find(accountId: number, name: string): AppPassword | null {
    const row = this.#find.get(accountId, name);
    return row ? toAppPassword(row) : null;
  }

  /** Gives the one with that hash, or null. */
  byHash(accountId: number, hash: string): AppPassword | null {
    const row = this.#byHash.get(accountId, hash);
    return row ? toAppPassword(row) : null;
  }

  /** Adds one; a taken name is the caller's to rule out before. */
  add(accountId: number, password: AppPassword & { readonly hash: string }): void {
    this.#insert.run(accountId, password.name, password.hash, password.isPrivileged ? 1 : 0, password.createdAtMs);
  }

  /** Removes one; nothing happens when there is none of that name. */
  remove(accountId: number, name: string): void {
    this.#remove.run(accountId, name);
  }

  /** Removes all of an account. */
  removeAll(accountId: number): void {
    this.#removeAll.run(accountId);
  }
}
