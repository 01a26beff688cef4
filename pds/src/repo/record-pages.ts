/**
 * Pages of listRecords: the records of a collection in order, packed side by side, bounded in bytes.
 * Anybody may ask for pages and read them as slowly as they like, and a hundred records may be a hundred megabytes; so a page of large
 * ones has fewer, and its cursor goes on behind the last. Not for single records (`record-store.ts`). Source: ours.
 */
import { assert } from '@dunlin/protocol/base/assert';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import { packedRow, packedRun } from './packed-records.ts';

/** What of a collection is listed. */
export interface RecordPage {
  readonly collection: string;
  /** At most `maxPageRecords`. */
  readonly limit: number;
  /** Key to go on from, exclusive; null begins at the end the order begins at. */
  readonly cursor: string | null;
  /** True lists the lowest key first. */
  readonly reverse: boolean;
}

/** Most records of a page. Source: the lexicon. */
export const maxPageRecords = 100;

/** Contents of a page together, in bytes; a single record may have more. */
export const maxPageBytes = 5_000_000;

/** So long a record may be in a page that fits for certain. */
const surelyFitsBytes = maxPageBytes / maxPageRecords;

/** With the plus signs SQLite plans a list once, and not anew at each call: see docs/gotchas.md. */
export const isVisible = 'account = +? AND collection = +? AND takedown_ref IS NULL';

type From = readonly [account: number, collection: string, cursor?: string];

/** One order, from one beginning. */
class Listing {
  /** The page, without the records that are too long for it to fit for certain, and the length of the longest. */
  readonly #usual: Statement<(number | string)[], [page: Buffer | null, longest: number | null]>;
  readonly #lengths: Statement<(number | string)[], number>;
  readonly #page: Statement<(number | string)[], Buffer | null>;

  constructor(database: Database, rest: string) {
    const from = `FROM record WHERE ${isVisible} ${rest} LIMIT +?`;
    this.#usual = database
      .prepare<(number | string)[], [Buffer | null, number | null]>(`SELECT CAST(group_concat(row, '') AS BLOB), max(length) FROM
        (SELECT iif(length(bytes) <= ${surelyFitsBytes}, ${packedRow}, NULL) AS row, length(bytes) AS length ${from})`)
      .raw();
    this.#lengths = database.prepare<(number | string)[], number>(`SELECT length(bytes) ${from}`).pluck();
    this.#page = database.prepare<(number | string)[], Buffer | null>(packedRun(`SELECT ${packedRow} AS row ${from}`)).pluck();
  }

  read(from: From, limit: number): Buffer | null {
    const place = from as readonly (number | string)[];
    const [page, longest] = this.#usual.get(...place, limit) ?? [null, null];
    if ((longest ?? 0) <= surelyFitsBytes) return page;
    let [count, bytes] = [0, 0];
    for (const length of this.#lengths.all(...place, limit)) {
      if (count > 0 && bytes + length > maxPageBytes) break;
      count += 1;
      bytes += length;
    }
    return this.#page.get(...place, count) ?? null;
  }
}

/** Reads pages. Every method is synchronous. */
export class RecordPages {
  readonly #down: Listing;
  readonly #downFrom: Listing;
  readonly #upFrom: Listing;

  constructor(database: Database) {
    this.#down = new Listing(database, 'ORDER BY rkey DESC');
    this.#downFrom = new Listing(database, 'AND rkey < ? ORDER BY rkey DESC');
    this.#upFrom = new Listing(database, 'AND rkey > ? ORDER BY rkey');
  }

  /** Lists records of a collection, packed, highest key first unless reversed; those taken down are left out; null when there are none. */
  list(accountId: number, { collection, limit, cursor, reverse }: RecordPage): Buffer | null {
    assert(limit <= maxPageRecords, `a page has so many records at most: limit=${limit}`);
    if (reverse) return this.#upFrom.read([accountId, collection, cursor ?? ''], limit);
    return cursor === null ? this.#down.read([accountId, collection], limit) : this.#downFrom.read([accountId, collection, cursor], limit);
  }
}
