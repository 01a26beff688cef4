/**
 * The table of codes that were sent by mail: at most one of each kind for an account at a time.
 * Only `mail/` reads and writes it. Times are ms since 1970.
 * Source: ours; kinds after the reference PDS.
 */

/** The first layout. */
export const mailSchema = `
CREATE TABLE mail_code (
  account INTEGER NOT NULL,
  purpose TEXT NOT NULL,
  code TEXT NOT NULL,
  requested_at INTEGER NOT NULL,
  PRIMARY KEY (account, purpose)
) STRICT, WITHOUT ROWID;
CREATE INDEX mail_code_by_code ON mail_code (purpose, code);
`;
