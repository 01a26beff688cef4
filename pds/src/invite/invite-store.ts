/**
 * The rows of invite codes and of their uses.
 * Not here: how many codes somebody may have (`routine-codes.ts`), who may ask (`api/`).
 * Source: lexicon com.atproto.server.defs#inviteCode; ours.
 */
import type { Database, Statement } from '@dunlin/service/sqlite/database';

/** The creator of codes that the operator makes, and who they are for when it is nobody in particular. */
export const operator = 'admin';

/** An invite code with its uses, the latest 1,000 of them, the latest first. Times are ms since 1970. */
export interface InviteCode {
  readonly code: string;
  /** How many accounts may be made with it, all in all. */
  readonly available: number;
  /** How many were made. */
  readonly used: number;
  readonly isDisabled: boolean;
  /** DID, or `admin`. */
  readonly forAccount: string;
  readonly createdBy: string;
  readonly createdAtMs: number;
  readonly uses: readonly { readonly usedBy: string; readonly usedAtMs: number }[];
}

/** By what a list of codes is sorted, the highest first. */
export type InviteOrder = 'recent' | 'usage';

/** A place in a list: what is sorted by, and the code; null begins. */
export interface InvitePlace {
  readonly value: number;
  readonly code: string;
}

interface Row {
  code: string;
  available: number;
  used: number;
  is_disabled: number;
  for_account: string;
  created_by: string;
  created_at: number;
}

const select = 'SELECT code, available, used, is_disabled, for_account, created_by, created_at FROM invite_code';

/** Invite codes in the database. Every method is synchronous. */
export class InviteStore {
  readonly #find: Statement<[string], Row>;
  readonly #of: Statement<[string], Row>;
  readonly #usedBy: Statement<[string], string>;
  readonly #uses: Statement<[string], { used_by: string; used_at: number }>;
  readonly #recent: Statement<[number, string, number], Row>;
  readonly #mostUsed: Statement<[number, string, number], Row>;
  readonly #insert: Statement<[string, number, number, string, string, number], unknown>;
  readonly #use: Statement<[string, string, number], unknown>;
  readonly #countUse: Statement<[string], unknown>;
  readonly #countBack: Statement<[string], unknown>;
  readonly #forgetUses: Statement<[string], unknown>;
  readonly #disable: Statement<[string], unknown>;
  readonly #disableOf: Statement<[string], unknown>;

  constructor(database: Database) {
    this.#find = database.prepare(`${select} WHERE code = ?`);
    this.#of = database.prepare(`${select} WHERE for_account = ? ORDER BY created_at, code`);
    this.#usedBy = database.prepare<[string], string>('SELECT code FROM invite_use WHERE used_by = ? ORDER BY used_at LIMIT 1').pluck();
    this.#uses = database.prepare('SELECT used_by, used_at FROM invite_use WHERE code = ? ORDER BY used_at DESC, used_by LIMIT 1000');
    this.#recent = database.prepare(`${select} WHERE (created_at, code) < (?, ?) ORDER BY created_at DESC, code DESC LIMIT ?`);
    this.#mostUsed = database.prepare(`${select} WHERE (used, code) < (?, ?) ORDER BY used DESC, code DESC LIMIT ?`);
    this.#insert = database.prepare('INSERT INTO invite_code (code, available, is_disabled, for_account, created_by, created_at) VALUES (?, ?, ?, ?, ?, ?)');
    this.#use = database.prepare('INSERT INTO invite_use (code, used_by, used_at) VALUES (?, ?, ?)');
    this.#countUse = database.prepare('UPDATE invite_code SET used = used + 1 WHERE code = ?');
    this.#countBack = database.prepare('UPDATE invite_code SET used = used - 1 WHERE code IN (SELECT code FROM invite_use WHERE used_by = ?)');
    this.#forgetUses = database.prepare('DELETE FROM invite_use WHERE used_by = ?');
    this.#disable = database.prepare('UPDATE invite_code SET is_disabled = 1 WHERE code = ?');
    this.#disableOf = database.prepare('UPDATE invite_code SET is_disabled = 1 WHERE for_account = ?');
  }

  /** Gives a code, or null. */
  find(code: string): InviteCode | null {
    const row = this.#find.get(code);
    return row ? this.#toCode(row) : null;
  }

  /** Gives the codes for an account, the oldest first. */
  of(did: string): InviteCode[] {
    return this.#of.all(did).map((row) => this.#toCode(row));
  }

  /** Gives the code an account was made with, or null. */
  invitationOf(did: string): InviteCode | null {
    const code = this.#usedBy.get(did);
    return code === undefined ? null : this.find(code);
  }

  /** Lists codes after a place (exclusive). */
  list(order: InviteOrder, after: InvitePlace | null, limit: number): InviteCode[] {
    const statement = order === 'recent' ? this.#recent : this.#mostUsed;
    const { value, code } = after ?? { value: Number.MAX_SAFE_INTEGER, code: '' };
    return statement.all(value, code, limit).map((row) => this.#toCode(row));
  }

  /** Gives the place of a code in a list. */
  placeOf(order: InviteOrder, { code, createdAtMs, used }: InviteCode): InvitePlace {
    return { value: order === 'recent' ? createdAtMs : used, code };
  }

  /** Adds a code. */
  add({ code, available, isDisabled, forAccount, createdBy, createdAtMs }: Omit<InviteCode, 'uses' | 'used'>): void {
    this.#insert.run(code, available, isDisabled ? 1 : 0, forAccount, createdBy, createdAtMs);
  }

  /** Remembers that an account was made with a code. */
  use(code: string, did: string, nowMs: number): void {
    this.#use.run(code, did, nowMs);
    this.#countUse.run(code);
  }

  /** Makes the code good again that an account was made with which came to nothing. */
  giveBack(did: string): void {
    this.#countBack.run(did);
    this.#forgetUses.run(did);
  }

  /** Disables a code for good. */
  disable(code: string): void {
    this.#disable.run(code);
  }

  /** Disables every code for an account. */
  disableOf(did: string): void {
    this.#disableOf.run(did);
  }

  #toCode(row: Row): InviteCode {
    const uses = row.used === 0 ? [] : this.#uses.all(row.code).map((use) => ({ usedBy: use.used_by, usedAtMs: use.used_at }));
    return {
      code: row.code, available: row.available, used: row.used, isDisabled: row.is_disabled === 1,
      forAccount: row.for_account, createdBy: row.created_by, createdAtMs: row.created_at, uses,
    };
  }
}
