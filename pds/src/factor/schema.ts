/**
 * Tables of second factors: the secret of an authenticator app, passkeys, recovery codes.
 * Only `factor/` reads and writes them. Rows of an account go with the account. Times are ms since 1970.
 * A secret that was not confirmed yet is not asked for. Source: ours.
 */

/** The first layout of the factor tables. */
export const factorSchema = `
CREATE TABLE factor_totp (
  account INTEGER PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
  secret BLOB NOT NULL,
  last_step INTEGER NOT NULL DEFAULT 0,
  is_confirmed INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE factor_passkey (
  id BLOB PRIMARY KEY,
  account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  public_key BLOB NOT NULL,
  counter INTEGER NOT NULL,
  transports TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  used_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX factor_passkey_by_account ON factor_passkey (account, created_at);

CREATE TABLE factor_recovery_code (
  account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  hash BLOB NOT NULL,
  PRIMARY KEY (account, hash)
) STRICT, WITHOUT ROWID;
`;
