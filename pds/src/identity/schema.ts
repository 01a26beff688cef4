/**
 * Table of accounts whose DID documents name the server's new host: lets a rename that was cut off go on where it was.
 * Only `identity/` reads and writes it. Times are ms since 1970.
 * Source: ours.
 */

/** The first layout: the newest host each account was renamed to. */
export const hostRenameSchema = `
CREATE TABLE host_rename (
  account INTEGER PRIMARY KEY,
  host TEXT NOT NULL,
  done_at INTEGER NOT NULL
) STRICT;
`;
