/**
 * The rows of codes that were sent by mail.
 * Kept in the clear, as the reference does: they live for minutes, and an operator without a mail server reads them out.
 * Not here: whether one still holds (`mail-codes.ts`). Source: ours.
 */
import type { Database, Statement } from '@dunlin/service/sqlite/database';

/** What a code lets its holder do, in the words the reference PDS keeps them under. */
export type CodePurpose = 'confirm_email' | 'update_email' | 'reset_password' | 'delete_account' | 'plc_operation';

/** A code that was made. */
export interface MailCode {
  readonly accountId: number;
  readonly purpose: CodePurpose;
  readonly code: string;
  readonly requestedAtMs: number;
}

interface Row {
  account: number;
  purpose: CodePurpose;
  code: string;
  requested_at: number;
}

function toCode(row: Row): MailCode {
  return { accountId: row.account, purpose: row.purpose, code: row.code, requestedAtMs: row.requested_at };
}

/** Codes in the database. Every method is synchronous. */
export class CodeStore {
  readonly #find: Statement<[number, string], Row>;
  readonly #byCode: Statement<[string, string], Row>;
  readonly #of: Statement<[number], Row>;
  readonly #since: Statement<[number, number], Row>;
  readonly #put: Statement<[number, string, string, number], unknown>;
  readonly #remove: Statement<[number, string], unknown>;
  readonly #removeAll: Statement<[number], unknown>;

  constructor(database: Database) {
    const select = 'SELECT account, purpose, code, requested_at FROM mail_code';
    this.#find = database.prepare(`${select} WHERE account = ? AND purpose = ?`);
    this.#byCode = database.prepare(`${select} WHERE purpose = ? AND code = ?`);
    this.#of = database.prepare(`${select} WHERE account = ? ORDER BY requested_at DESC, purpose`);
    this.#since = database.prepare(`${select} WHERE requested_at > ? ORDER BY requested_at DESC, account, purpose LIMIT ?`);
    this.#put = database.prepare(
      `INSERT INTO mail_code (account, purpose, code, requested_at) VALUES (?, ?, ?, ?)
       ON CONFLICT (account, purpose) DO UPDATE SET code = excluded.code, requested_at = excluded.requested_at`,
    );
    this.#remove = database.prepare('DELETE FROM mail_code WHERE account = ? AND purpose = ?');
    this.#removeAll = database.prepare('DELETE FROM mail_code WHERE account = ?');
  }

  /** Gives the code of an account for a purpose, or null. */
  find(accountId: number, purpose: CodePurpose): MailCode | null {
    const row = this.#find.get(accountId, purpose);
    return row ? toCode(row) : null;
  }

  /** Gives the code of whatever account for a purpose, or null. */
  byCode(purpose: CodePurpose, code: string): MailCode | null {
    const row = this.#byCode.get(purpose, code);
    return row ? toCode(row) : null;
  }

  /** Lists the codes of an account, the newest first. */
  of(accountId: number): MailCode[] {
    return this.#of.all(accountId).map(toCode);
  }

  /** Lists up to `limit` codes of all accounts that were made after a moment, the newest first. */
  since(ms: number, limit: number): MailCode[] {
    return this.#since.all(ms, limit).map(toCode);
  }

  /** Remembers a code in the place of the one before. */
  put({ accountId, purpose, code, requestedAtMs }: MailCode): void {
    this.#put.run(accountId, purpose, code, requestedAtMs);
  }

  /** Forgets the code of a purpose. */
  remove(accountId: number, purpose: CodePurpose): void {
    this.#remove.run(accountId, purpose);
  }

  /** Forgets all codes of an account. */
  removeAll(accountId: number): void {
    this.#removeAll.run(accountId);
  }
}
