/**
 * Tables of accounts: who lives here, their refresh tokens and their preferences.
 * Only `account/` reads and writes them; `wiring/stores.ts` hands the text to the database when it is opened.
 * Times are ms since 1970. Source: ours, see docs/decisions; fields after the reference PDS, so that its accounts can be taken over.
 */

/** The first layout of the account tables. Ids are never used twice, so a late event cannot land on a new account. */
export const accountSchema = `
CREATE TABLE account (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  did TEXT NOT NULL UNIQUE,
  handle TEXT NOT NULL UNIQUE,
  email TEXT UNIQUE,
  email_confirmed_at INTEGER,
  password_hash TEXT,
  signing_key BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  deactivated_at INTEGER,
  delete_after TEXT,
  takedown_ref TEXT
) STRICT;
CREATE INDEX account_by_creation ON account (created_at, did);

CREATE TABLE refresh_token (
  jti TEXT PRIMARY KEY,
  account INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  next_jti TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_token_by_account ON refresh_token (account);

CREATE TABLE preferences (
  account INTEGER PRIMARY KEY,
  json TEXT NOT NULL
) STRICT;
`;

/** Second layout: app passwords, what a session was begun with, keys held for accounts to come, and who may not invite. */
export const accountSchema2 = `
ALTER TABLE account ADD COLUMN invites_disabled INTEGER NOT NULL DEFAULT 0;
CREATE INDEX account_by_deletion ON account (delete_after) WHERE delete_after IS NOT NULL;

ALTER TABLE refresh_token ADD COLUMN app_password TEXT;
ALTER TABLE refresh_token ADD COLUMN session TEXT;
ALTER TABLE refresh_token ADD COLUMN began_at INTEGER;
ALTER TABLE refresh_token ADD COLUMN made_at INTEGER;
ALTER TABLE refresh_token ADD COLUMN agent TEXT;

CREATE TABLE app_password (
  account INTEGER NOT NULL,
  name TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  is_privileged INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (account, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE reserved_key (
  did_key TEXT PRIMARY KEY,
  did TEXT UNIQUE,
  private_key BLOB NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX reserved_key_by_age ON reserved_key (created_at);
`;

/** Third layout: the era of an account's sessions. */
export const accountSchema3 = `
ALTER TABLE account ADD COLUMN session_era INTEGER NOT NULL DEFAULT 0;
`;

/** Fourth layout: who asked for a reserved key. Those that were there before count as asked for by different people. */
export const accountSchema4 = `
ALTER TABLE reserved_key ADD COLUMN asker TEXT NOT NULL DEFAULT '';
UPDATE reserved_key SET asker = did_key;
CREATE INDEX reserved_key_by_asker ON reserved_key (asker, created_at);
`;
