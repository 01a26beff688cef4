/**
 * Sums over blobs for operators: how many there are and how large, which no record names, which are missing.
 * Reads only. The sums of one account are index ranges; those of the whole server read every row, so their caller asks seldom.
 * Source: ours.
 */
import type { Database, Statement } from '@dunlin/service/sqlite/database';

/** Blobs and their bytes. */
export interface BlobSum {
  readonly count: number;
  readonly bytes: number;
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

const sums = 'count(*) AS count, coalesce(sum(size), 0) AS bytes FROM blob';

/** Sums in the database. Every method is synchronous. */
export class BlobFigures {
  readonly #held: Statement<[], BlobSum>;
  readonly #unused: Statement<[], BlobSum>;
  readonly #unusedOf: Statement<[number], BlobSum>;
  readonly #named: Statement<[number], { named: number; held: number }>;

  constructor(database: Database) {
    this.#held = database.prepare(`SELECT ${sums}`);
    this.#unused = database.prepare(`SELECT ${sums} WHERE unused_since IS NOT NULL`);
    this.#unusedOf = database.prepare(`SELECT ${sums} WHERE account = ? AND unused_since IS NOT NULL`);
    this.#named = database.prepare(`SELECT count(*) AS named, count(blob.cid) AS held FROM (SELECT DISTINCT account, cid FROM blob_use WHERE account = ?) AS used
      LEFT JOIN blob ON blob.account = used.account AND blob.cid = used.cid`);
  }

  /** Sums up the whole server. */
  all(): { readonly held: BlobSum; readonly unused: BlobSum } {
    const none = { count: 0, bytes: 0 };
    return { held: this.#held.get() ?? none, unused: this.#unused.get() ?? none };
  }

  /** Sums up one account. */
  of(accountId: number): AccountBlobs {
    const { named, held } = this.#named.get(accountId) ?? { named: 0, held: 0 };
    return { named, missing: named - held, unused: this.#unusedOf.get(accountId) ?? { count: 0, bytes: 0 } };
  }
}
