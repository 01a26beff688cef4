/**
 * The tables of events: what `subscribeRepos` replays, in order of seq, and the newest event of each account.
 * Only `sequencer/` reads and writes them. New events are rows of `event`, in the transaction of what they tell of; in time they go
 * to files, run by run (`filing.ts`), and then `event_run` says where they lie. Every event is in one of the two, all of `event` above all runs.
 * `frame` is the whole message (header and body) without WebSocket framing; `previous` is the account's event before, so that all
 * events of an account are found by going back from the newest, without an index.
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

/**
 * Files of events and the runs in them. A file's number is the seq of its first event, so that no number comes twice; `bytes` is how
 * long it is. Of a run, `held` events are not forgotten, and `places` has all of them (places.ts).
 */
export const eventRunSchema = `
CREATE TABLE event_file (
  file INTEGER PRIMARY KEY,
  bytes INTEGER NOT NULL,
  last_seq INTEGER NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL
) STRICT;

CREATE TABLE event_run (
  last_seq INTEGER PRIMARY KEY,
  first_seq INTEGER NOT NULL,
  file INTEGER NOT NULL,
  start INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  count INTEGER NOT NULL,
  held INTEGER NOT NULL,
  is_to_erase INTEGER NOT NULL DEFAULT 0,
  places BLOB NOT NULL
) STRICT;

CREATE INDEX event_run_to_erase ON event_run (last_seq) WHERE is_to_erase = 1;
`;
