/**
 * The tables of events: what `subscribeRepos` replays, in order of seq, and the newest event of each account.
 * Only `sequencer/` reads and writes them. `frame` is the whole message (header and body) without WebSocket framing; `previous`
 * is the account's event before, so that all events of an account are found by going back from the newest, without an index.
 * AUTOINCREMENT remembers the highest seq ever given, so that pruning or a deletion never leads to reuse (invariant 2).
 * Source: ours.
 */

/** The first layout of the event tables. */
export const sequencerSchema = `
CREATE TABLE event (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL,
  previous INTEGER,
  created_at INTEGER NOT NULL,
  frame BLOB NOT NULL
) STRICT;

CREATE TABLE newest_event (
  account INTEGER PRIMARY KEY,
  seq INTEGER NOT NULL
) STRICT;
`;
