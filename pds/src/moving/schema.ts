/**
 * The table of moves: how far an account that is moving in has come. One row an account; it stays when the move is done.
 * Only `moving/` reads and writes it. Times are ms since 1970.
 * Source: ours, see docs/decisions/0023-moving-by-a-page.md.
 */

/** The layout. */
export const movingSchema = `
CREATE TABLE move (
  account INTEGER PRIMARY KEY,
  origin TEXT,
  step TEXT NOT NULL,
  sealed_session BLOB,
  operation TEXT,
  goes_without_missing INTEGER NOT NULL DEFAULT 0,
  fault_code TEXT,
  fault_message TEXT,
  began_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX move_by_session ON move (changed_at) WHERE sealed_session IS NOT NULL;
`;
