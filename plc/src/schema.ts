/**
 * Tables of the directory: one row an operation, in the order of acceptance.
 * Not for queries: those are in log.ts, which alone reads them.
 * `created_at` grows with `seq`, both unique, so that either can be the cursor of an export.
 * Source: ours.
 */

/** Migrations in order; an applied one is never changed. */
export const migrations: readonly string[] = [
  `CREATE TABLE operation (
     seq INTEGER PRIMARY KEY AUTOINCREMENT,
     did TEXT NOT NULL,
     cid TEXT NOT NULL,
     operation TEXT NOT NULL,
     nullified INTEGER NOT NULL DEFAULT 0,
     created_at INTEGER NOT NULL UNIQUE,
     UNIQUE (did, cid)
   ) STRICT;
   CREATE INDEX operation_by_did ON operation (did, seq);`,
];
