/**
 * The table of events: what `subscribeRepos` replays, in order of seq.
 * Only `sequencer/` reads and writes it. `frame` is the whole message (header and body) without WebSocket framing.
 * AUTOINCREMENT remembers the highest seq ever given, so that pruning or a deletion never leads to reuse (invariant 2).
 * Source: ours.
 */

/** The first layout of the event table. */
export const sequencerSchema = `
CREATE TABLE event (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  account INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  frame BLOB NOT NULL
) STRICT;
CREATE INDEX event_by_account ON event (account);
`;
