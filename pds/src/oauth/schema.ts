/**
 * Tables of OAuth: devices people signed in on, requests under way, tokens given out, clients consented to, permission sets seen.
 * Refresh tokens and codes are kept as SHA-256 only. Rows of an account go with the account.
 * Only `oauth/` reads and writes them. Times are ms since 1970.
 * Source: ours; what must be kept is said by the store interfaces of @atproto/oauth-provider.
 */

/** The first layout of the OAuth tables. */
export const oauthSchema = `
CREATE TABLE oauth_device (
  id TEXT PRIMARY KEY,
  session_id TEXT NOT NULL,
  user_agent TEXT,
  ip_address TEXT NOT NULL,
  last_seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_device_by_sight ON oauth_device (last_seen_at);

CREATE TABLE oauth_device_account (
  device TEXT NOT NULL REFERENCES oauth_device (id) ON DELETE CASCADE,
  account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  ends_at INTEGER,
  PRIMARY KEY (device, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_device_account_by_account ON oauth_device_account (account);

CREATE TABLE oauth_request (
  id TEXT PRIMARY KEY,
  client_id TEXT NOT NULL,
  client_auth TEXT,
  parameters TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  device TEXT,
  account INTEGER REFERENCES account (id) ON DELETE CASCADE,
  code_hash BLOB UNIQUE
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_request_by_end ON oauth_request (expires_at);
CREATE INDEX oauth_request_by_account ON oauth_request (account) WHERE account IS NOT NULL;

CREATE TABLE oauth_token (
  id INTEGER PRIMARY KEY,
  token_id TEXT NOT NULL UNIQUE,
  account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  client_id TEXT NOT NULL,
  client_auth TEXT NOT NULL,
  parameters TEXT NOT NULL,
  scope TEXT NOT NULL,
  device TEXT,
  code_hash BLOB UNIQUE,
  refresh_hash BLOB UNIQUE,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX oauth_token_by_account ON oauth_token (account, updated_at);
CREATE INDEX oauth_token_by_use ON oauth_token (updated_at);

CREATE TABLE oauth_used_refresh_token (
  hash BLOB PRIMARY KEY,
  token INTEGER NOT NULL REFERENCES oauth_token (id) ON DELETE CASCADE,
  used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_used_refresh_token_by_token ON oauth_used_refresh_token (token);
CREATE INDEX oauth_used_refresh_token_by_use ON oauth_used_refresh_token (used_at);

CREATE TABLE oauth_consent (
  account INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  client_id TEXT NOT NULL,
  data TEXT NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (account, client_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE oauth_lexicon (
  nsid TEXT PRIMARY KEY,
  uri TEXT,
  document TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  succeeded_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_lexicon_by_update ON oauth_lexicon (updated_at);
`;
