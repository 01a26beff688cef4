/**
 * Tables of `hosts.sqlite`: the hosts we know, their cursors, and who is banned.
 * A script is never changed once released; a new one is added.
 * Source: ours.
 */

/** Scripts in the order of their application. */
export const hostMigrations: readonly string[] = [
  `
  CREATE TABLE host (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- stands in log records and account rows, never reused
    hostname TEXT NOT NULL UNIQUE,
    created_ms INTEGER NOT NULL,
    cursor INTEGER NOT NULL,               -- of the host's own stream; 0 = from its oldest event
    cursor_log_seq INTEGER NOT NULL,       -- newest event of our log when the cursor was stored
    account_limit INTEGER,                 -- null = the default
    is_blocked INTEGER NOT NULL,
    resets INTEGER NOT NULL                -- how often the host began a new numbering
  ) STRICT;
  CREATE TABLE domain_ban (
    domain TEXT PRIMARY KEY,
    created_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE new_hosts (
    day INTEGER PRIMARY KEY,               -- whole days since 1970
    count INTEGER NOT NULL
  ) STRICT;
  `,
  `
  -- Its number among the relays that are listened to, never given again; 0 for a host of accounts.
  ALTER TABLE host ADD COLUMN relay INTEGER NOT NULL DEFAULT 0;
  -- 0 = not dialled at the start: known from DID documents only, or a relay that only the configuration names.
  ALTER TABLE host ADD COLUMN is_dialled INTEGER NOT NULL DEFAULT 1;
  `,
  `
  CREATE TABLE walk (
    host INTEGER PRIMARY KEY,              -- host.id
    cursor TEXT,                           -- of its listRepos; null = from the beginning
    next_ms INTEGER NOT NULL,              -- not before this moment
    failures INTEGER NOT NULL              -- attempts in a row that brought no page
  ) STRICT;
  `,
  `
  -- Pages of the present round that came, over all attempts.
  ALTER TABLE walk ADD COLUMN pages INTEGER NOT NULL DEFAULT 0;
  `,
];
