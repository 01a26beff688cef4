/**
 * The tables of the index: accounts, reactions, rooms, messages, and how far the stream has been read.
 * Rows, never counters: a count is always taken over rows of accounts that are visible, so it cannot drift.
 * One database for all of it, so that rows and cursor move in one transaction. Read only by the stores beside it.
 * Migrations are applied in this order and never changed afterwards.
 * Source: ours, see docs/invariants.md 12.
 */

/** SQL scripts for openDatabase. Times are ms since 1970. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    did TEXT NOT NULL UNIQUE,
    -- verified in both directions; NULL while unknown or not verifiable
    handle TEXT,
    -- 1: the handle must be looked up (again)
    handle_due INTEGER NOT NULL DEFAULT 1,
    -- active, deactivated, takendown, suspended, deleted, …: as the stream last said
    status TEXT NOT NULL DEFAULT 'active',
    is_visible INTEGER NOT NULL DEFAULT 1,
    -- rev of the newest commit indexed; NULL again after a deletion
    rev TEXT
  ) STRICT;
  CREATE INDEX account_handle_due ON account (id) WHERE handle_due = 1;

  CREATE TABLE source (
    id INTEGER PRIMARY KEY,
    collection TEXT NOT NULL UNIQUE,
    class TEXT NOT NULL,
    -- 0: no longer in the table of sources; its rows stay but do not count
    is_counted INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE subject (
    id INTEGER PRIMARY KEY,
    -- normal form
    uri TEXT NOT NULL UNIQUE
  ) STRICT;

  CREATE TABLE reaction (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES account (id),
    source_id INTEGER NOT NULL REFERENCES source (id),
    rkey TEXT NOT NULL,
    subject_id INTEGER NOT NULL REFERENCES subject (id),
    -- what is grouped by: emoji key, or URI of a custom emoji
    key TEXT NOT NULL,
    -- emoji to show
    value TEXT NOT NULL,
    indexed_at INTEGER NOT NULL,
    UNIQUE (account_id, source_id, rkey)
  ) STRICT;
  CREATE INDEX reaction_counted ON reaction (subject_id, key, source_id, account_id, value);
  CREATE INDEX reaction_listed ON reaction (subject_id, id);

  CREATE TABLE room (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES account (id),
    rkey TEXT NOT NULL,
    uri TEXT NOT NULL UNIQUE,
    cid TEXT NOT NULL,
    -- the record as JSON
    record TEXT NOT NULL,
    -- normal form of what the room is about
    subject TEXT,
    -- 1: anybody may read it without saying who they are
    is_open INTEGER NOT NULL,
    expires_at INTEGER,
    indexed_at INTEGER NOT NULL,
    UNIQUE (account_id, rkey)
  ) STRICT;
  CREATE INDEX room_subject ON room (subject, id) WHERE subject IS NOT NULL;

  CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES account (id),
    rkey TEXT NOT NULL,
    room TEXT NOT NULL,
    cid TEXT NOT NULL,
    record TEXT NOT NULL,
    -- the earlier of what the author says and when it was indexed
    sort_at INTEGER NOT NULL,
    expires_at INTEGER,
    -- why it is not shown in the room; NULL: it is shown
    hidden TEXT,
    indexed_at INTEGER NOT NULL,
    UNIQUE (account_id, rkey)
  ) STRICT;
  CREATE INDEX message_listed ON message (room, sort_at, id);
  CREATE INDEX message_early ON message (room) WHERE hidden = 'roomUnknown';

  CREATE TABLE cursor (
    service TEXT PRIMARY KEY,
    seq INTEGER NOT NULL
  ) STRICT;

  -- one row: rises with every change of what can be counted
  CREATE TABLE version (version INTEGER NOT NULL) STRICT;
  INSERT INTO version VALUES (0);
  `,
];
