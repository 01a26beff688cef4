/**
 * Tables of invite codes: who may use them how often, and who did.
 * Only `invite/` reads and writes them. Times are ms since 1970; accounts stand as DIDs, since a code outlives the account it was for.
 * Source: ours; fields after the reference PDS, so that its codes can be taken over.
 */

/** The first layout of the invite tables. */
export const inviteSchema = `
CREATE TABLE invite_code (
  code TEXT PRIMARY KEY,
  available INTEGER NOT NULL,
  used INTEGER NOT NULL DEFAULT 0,
  is_disabled INTEGER NOT NULL DEFAULT 0,
  for_account TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX invite_code_by_account ON invite_code (for_account);
CREATE INDEX invite_code_by_age ON invite_code (created_at, code);
CREATE INDEX invite_code_by_use ON invite_code (used, code);

CREATE TABLE invite_use (
  code TEXT NOT NULL,
  used_by TEXT NOT NULL,
  used_at INTEGER NOT NULL,
  PRIMARY KEY (code, used_by)
) STRICT, WITHOUT ROWID;
CREATE INDEX invite_use_by_account ON invite_use (used_by);
`;
