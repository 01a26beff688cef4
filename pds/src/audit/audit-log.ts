/**
 * Remembers every act of an operator: who, when, from where, what, to whom, and what came of it.
 * Not for reading, nor for wrong passwords. Place in the flow: around every changing method of the operator
 * (`api/admin/acts.ts`); an act is durable here before it is begun.
 * Source: ours. Bounded: the newest ten thousand acts, two thousand characters a text.
 */
import type { Database, Statement } from '@dunlin/service/sqlite/database';

/** Acts kept. */
export const maxActs = 10_000;

/** Longest text of an act that is kept, in characters. */
export const maxActTextLength = 2_000;

/** An act to be remembered. */
export interface Act {
  readonly atMs: number;
  /** 'operator', or the DID of the moderation service. */
  readonly actor: string;
  readonly address: string;
  readonly agent: string;
  readonly method: string;
  /** DID, handle or URI of what it is done to; null where there is none. */
  readonly subject: string | null;
  /** No secrets are in it: the caller strikes them out. */
  readonly input: Readonly<Record<string, unknown>>;
}

/** An act as it is remembered. */
export interface RememberedAct extends Act {
  readonly id: number;
  /** Null while it is under way, or when the process ended meanwhile. */
  readonly status: number | null;
  readonly outcome: string;
}

interface Row {
  readonly id: number;
  readonly at: number;
  readonly actor: string;
  readonly address: string;
  readonly agent: string;
  readonly method: string;
  readonly subject: string | null;
  readonly input: string;
  readonly status: number | null;
  readonly outcome: string;
}

/** The trail in the database. Every method is synchronous; changes belong into a group commit. */
export class AuditLog {
  readonly #insert: Statement<[number, string, string, string, string, string | null, string], unknown>;
  readonly #trim: Statement<[number], unknown>;
  readonly #finish: Statement<[number, string, number], unknown>;
  readonly #same: Statement<[string, string, string | null, string, number], number>;
  readonly #page: Statement<[number, number], Row>;
  readonly #pageOf: Statement<[string, number, number], Row>;

  constructor(database: Database) {
    this.#insert = database.prepare("INSERT INTO act (at, actor, address, agent, method, subject, input, outcome) VALUES (?, ?, ?, ?, ?, ?, ?, '')");
    this.#trim = database.prepare('DELETE FROM act WHERE id <= ?');
    this.#finish = database.prepare('UPDATE act SET status = ?, outcome = ? WHERE id = ?');
    this.#same = database
      .prepare<[string, string, string | null, string, number], number>('SELECT 1 FROM act WHERE method = ? AND actor = ? AND subject IS ? AND input = ? AND at > ? LIMIT 1')
      .pluck();
    this.#page = database.prepare('SELECT * FROM act WHERE id < ? ORDER BY id DESC LIMIT ?');
    this.#pageOf = database.prepare('SELECT * FROM act WHERE subject = ? AND id < ? ORDER BY id DESC LIMIT ?');
  }

  /** Remembers that an act is begun; gives its number. */
  begin({ atMs, actor, address, agent, method, subject, input }: Act): number {
    const { lastInsertRowid } = this.#insert.run(atMs, actor, address, clip(agent), method, subject === null ? null : clip(subject), inputText(input));
    const id = Number(lastInsertRowid);
    this.#trim.run(id - maxActs);
    return id;
  }

  /** Tells whether the same act, of the same actor with the same input, was begun after a moment. */
  has({ method, actor, subject, input }: Pick<Act, 'method' | 'actor' | 'subject' | 'input'>, afterMs: number): boolean {
    return this.#same.get(method, actor, subject === null ? null : clip(subject), inputText(input), afterMs) !== undefined;
  }

  /** Remembers what came of it. */
  finish(id: number, status: number, outcome: string): void {
    this.#finish.run(status, clip(outcome), id);
  }

  /** Gives acts below a number, newest first; `subject` null gives those on everything. */
  page(o: { below: number; limit: number; subject: string | null }): RememberedAct[] {
    const rows = o.subject === null ? this.#page.all(o.below, o.limit) : this.#pageOf.all(o.subject, o.below, o.limit);
    return rows.map(({ at, input, ...row }) => ({ ...row, atMs: at, input: JSON.parse(input) as Record<string, unknown> }));
  }
}

/** JSON that is too long would be no JSON when it is cut, so it is put away whole. */
function inputText(input: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify(input);
  return text.length <= maxActTextLength ? text : JSON.stringify({ tooLong: text.slice(0, maxActTextLength / 2) });
}

function clip(text: string): string {
  return text.slice(0, maxActTextLength);
}
