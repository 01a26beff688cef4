/**
 * Table of `audit.sqlite`: what operators did.
 * Not for what the relay did by itself: that is its log. Source: ours.
 * A script is never changed once released; a new one is added.
 */

/** Scripts in the order of their application. */
export const auditMigrations: readonly string[] = [
  `
  CREATE TABLE act (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms INTEGER NOT NULL,
    address TEXT NOT NULL,             -- where the request came from
    agent TEXT NOT NULL,               -- its User-Agent
    path TEXT NOT NULL,
    params TEXT NOT NULL,              -- JSON: query and body
    status INTEGER,                    -- HTTP status of the answer; null while it is under way, or when the process ended
    outcome TEXT NOT NULL              -- message of a refusal, '' for a success
  ) STRICT;
  `,
];
