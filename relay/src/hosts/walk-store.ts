/**
 * How far each host's list of repositories has been gone through, in `hosts.sqlite`.
 * Not for going (walker.ts). Place in the flow: a place is stored after the accounts before it are on disk, so that a
 * crash goes through a page again and never past one. Source: ours.
 */
import type { Database, Statement } from '@dunlin/service/sqlite/database';

/** How far one is with a host. */
export interface Walk {
  readonly hostId: number;
  /** Where the host is to go on; null at the beginning. */
  readonly cursor: string | null;
  /** Not before this moment, ms since 1970. */
  readonly nextMs: number;
  /** Attempts in a row that brought no page. */
  readonly failures: number;
  /** Pages of this round that came, over all attempts. */
  readonly pages: number;
}

interface Row {
  readonly host: number;
  readonly cursor: string | null;
  readonly next_ms: number;
  readonly failures: number;
  readonly pages: number;
}

/** The walks. */
export class WalkStore {
  readonly #find: Statement<[number], Row>;
  readonly #put: Statement<[number, string | null, number, number, number]>;

  constructor(database: Database) {
    this.#find = database.prepare('SELECT host, cursor, next_ms, failures, pages FROM walk WHERE host = ?');
    this.#put = database.prepare('INSERT OR REPLACE INTO walk VALUES (?, ?, ?, ?, ?)');
  }

  /** Gives how far one is; a host that was never walked begins at once. */
  find(hostId: number): Walk {
    const row = this.#find.get(hostId);
    return row ? { hostId: row.host, cursor: row.cursor, nextMs: row.next_ms, failures: row.failures, pages: row.pages } : { hostId, cursor: null, nextMs: 0, failures: 0, pages: 0 };
  }

  put({ hostId, cursor, nextMs, failures, pages }: Walk): void {
    this.#put.run(hostId, cursor, nextMs, failures, pages);
  }
}
