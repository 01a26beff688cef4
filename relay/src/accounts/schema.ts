/**
 * Tables of `accounts.sqlite`: the account table on disk, and how far the log is contained in it.
 * Not for the hot path: account-table.ts answers that; these rows are written in batches and read at start.
 * Source: ours. A script is never changed once released; a new one is added.
 */

/** Scripts in the order of their application. */
export const accountMigrations: readonly string[] = [
  `
  CREATE TABLE account (
    row INTEGER PRIMARY KEY,           -- number in the account table, from 0, never reused
    did TEXT NOT NULL,
    host INTEGER NOT NULL,             -- host.id in hosts.sqlite
    upstream_active INTEGER NOT NULL,
    upstream_status TEXT NOT NULL,
    local_status TEXT NOT NULL,
    desynchronized INTEGER NOT NULL,
    rev TEXT,
    data BLOB,                         -- SHA-256 digests, 32 bytes
    head BLOB,
    key_curve TEXT,
    key BLOB,                          -- compressed point, 33 bytes
    key_checked_seconds INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE progress (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    applied_seq INTEGER NOT NULL       -- every log event up to here is contained in the rows
  ) STRICT;
  CREATE TABLE scrub (
    did TEXT PRIMARY KEY               -- taken down, its events not yet known to be gone from the log
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- 1: rev and head are its host's word, and nothing of it was passed on; with data they are proven.
  ALTER TABLE account ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
  `,
];
