/**
 * Table of what operators and moderators did.
 * Only `audit/` reads and writes it. It stands in the server's one database, so that a backup carries it along.
 * Times are ms since 1970. Source: ours.
 */

/** The first layout. Numbers are never used twice, so that a gap tells of acts that were let go for age. */
export const auditSchema = `
CREATE TABLE act (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,               -- 'operator', or the DID of the moderation service
  address TEXT NOT NULL,             -- where the request came from
  agent TEXT NOT NULL,               -- its User-Agent
  method TEXT NOT NULL,
  subject TEXT,                      -- DID, handle or URI of what it was done to, where there is one
  input TEXT NOT NULL,               -- JSON without secrets
  status INTEGER,                    -- HTTP status of the answer; null while it is under way, or when the process ended
  outcome TEXT NOT NULL              -- message of a refusal, '' for a success
) STRICT;
CREATE INDEX act_by_subject ON act (subject, id) WHERE subject IS NOT NULL;
`;
