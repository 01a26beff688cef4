/**
 * Sums over blobs for operators: how many there are and how large, which no record names, which are missing.
 * Reads only. The sums of one account are index ranges; those of the whole server read every row, some accounts at a time, so that
 * nobody else waits long (a million blobs at once would take a few tenths of a second).
 * Source: ours.
 */
import type { Database, Statement } from '@dunlin/service/sqlite/database';

/** Blobs and their bytes. */
export interface BlobSum {
  readonly count: number;
  readonly bytes: number;
}

/** The blobs of the whole server. */
export interface BlobSums {
  readonly held: BlobSum;
  /** Of these, the ones that no record names. */
  readonly unused: BlobSum;
}

/** How an account stands with its blobs. */
export interface AccountBlobs {
  /** Distinct blobs that records name. */
  readonly named: number;
  /** Of those, the ones that are nowhere here. */
  readonly missing: number;
  /** Uploaded, and named by no record. */
  readonly unused: BlobSum;
}

/** Accounts that are summed up in one go. */
const accountsAtOnce = 250;

const sums = 'count(*) AS count, coalesce(sum(size), 0) AS bytes FROM blob';

/** Sums in the database. */
export class BlobFigures {
  readonly #last: Statement<[], number | null>;
  readonly #range: Statement<[number, number], { count: number; bytes: number; unused: number; unusedBytes: number }>;
  readonly #unusedOf: Statement<[number], BlobSum>;
  readonly #named: Statement<[number], { named: number; held: number }>;

  constructor(database: Database) {
    this.#last = database.prepare<[], number | null>('SELECT max(account) FROM blob').pluck();
    this.#range = database.prepare(`SELECT count(*) AS count, coalesce(sum(size), 0) AS bytes, count(unused_since) AS unused,
      coalesce(sum(iif(unused_since IS NULL, 0, size)), 0) AS unusedBytes FROM blob WHERE account >= ? AND account < ?`);
    this.#unusedOf = database.prepare(`SELECT ${sums} WHERE account = ? AND unused_since IS NOT NULL`);
    this.#named = database.prepare(`SELECT count(*) AS named, count(blob.cid) AS held FROM (SELECT DISTINCT account, cid FROM blob_use WHERE account = ?) AS used
      LEFT JOIN blob ON blob.account = used.account AND blob.cid = used.cid`);
  }

  /** Sums up the whole server, with others having their turn in between: what changes meanwhile may count or not. */
  async all(): Promise<BlobSums> {
    const [held, unused] = [{ count: 0, bytes: 0 }, { count: 0, bytes: 0 }];
    const last = this.#last.get() ?? 0;
    for (let from = 1; from <= last; from += accountsAtOnce) {
      const part = this.#range.get(from, from + accountsAtOnce);
      held.count += part?.count ?? 0;
      held.bytes += part?.bytes ?? 0;
      unused.count += part?.unused ?? 0;
      unused.bytes += part?.unusedBytes ?? 0;
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { held, unused };
  }

  /** Sums up one account. */
  of(accountId: number): AccountBlobs {
    const { named, held } = this.#named.get(accountId) ?? { named: 0, held: 0 };
    return { named, missing: named - held, unused: this.#unusedOf.get(accountId) ?? { count: 0, bytes: 0 } };
  }
}
