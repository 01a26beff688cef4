/**
 * Tables of accounts: who lives here, their refresh tokens and their preferences.
 * Only `account/` reads and writes them; `pds.ts` hands the text to the database when it is opened.
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
