/**
 * Remembers every act of an operator: when, from where, what, and what came of it.
 * Not for reading requests of operators, nor for wrong passwords (those are counted). Place in the flow: around every
 * changing request of the admin API; an act is durable here before it is begun.
 * Source: ours. Bounded: the newest ten thousand acts.
 */
import { openDatabase } from '@dunlin/service/sqlite/database';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { auditMigrations } from './schema.ts';

/** Acts kept. */
const maxActs = 10_000;
const maxTextLength = 2_000;

/** An act to be remembered. */
export interface Act {
  readonly atMs: number;
  readonly address: string;
  readonly agent: string;
  readonly path: string;
  /** Query and body; no secrets are in them. */
  readonly params: Readonly<Record<string, unknown>>;
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
  readonly at_ms: number;
  readonly address: string;
  readonly agent: string;
  readonly path: string;
  readonly params: string;
  readonly status: number | null;
  readonly outcome: string;
}

/** The log. */
export class AuditLog {
  readonly #database: Database;
  readonly #insert: Statement<[number, string, string, string, string]>;
  readonly #trim: Statement<[number]>;
  readonly #finish: Statement<[number, string, number]>;
  readonly #page: Statement<[number, number], Row>;

  constructor(path: string) {
    this.#database = openDatabase(path, { migrations: auditMigrations });
    this.#insert = this.#database.prepare("INSERT INTO act (at_ms, address, agent, path, params, outcome) VALUES (?, ?, ?, ?, ?, '')");
    this.#trim = this.#database.prepare('DELETE FROM act WHERE id <= ?');
    this.#finish = this.#database.prepare('UPDATE act SET status = ?, outcome = ? WHERE id = ?');
    this.#page = this.#database.prepare('SELECT * FROM act WHERE id < ? ORDER BY id DESC LIMIT ?');
  }

  /** Remembers that an act is begun; gives its number. */
  begin({ atMs, address, agent, path, params }: Act): number {
    const { lastInsertRowid } = this.#insert.run(atMs, address, clip(agent), clip(path), paramsText(params));
    const id = Number(lastInsertRowid);
    this.#trim.run(id - maxActs);
    return id;
  }

  /** Remembers what came of it. */
  finish(id: number, status: number, outcome: string): void {
    this.#finish.run(status, clip(outcome), id);
  }

  /** Gives acts below a number, newest first. */
  page(below: number, limit: number): RememberedAct[] {
    return this.#page.all(below, limit).map((row) => ({
      id: row.id, atMs: row.at_ms, address: row.address, agent: row.agent, path: row.path, params: JSON.parse(row.params) as Record<string, unknown>,
      status: row.status, outcome: row.outcome,
    }));
  }

  close(): void {
    this.#database.close();
  }
}

/** JSON that is too long would be no JSON when it is cut, so it is put away whole. */
function paramsText(params: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify(params);
  return text.length <= maxTextLength ? text : JSON.stringify({ tooLong: text.slice(0, maxTextLength / 2) });
}

function clip(text: string): string {
  return text.slice(0, maxTextLength);
}
