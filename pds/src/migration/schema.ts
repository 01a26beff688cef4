/**
 * Tables of one import under way, in a database file of its own that is thrown away afterwards.
 * Only `migration/staging.ts` reads and writes them. The index is made once all blocks are there, which is much quicker.
 * Source: ours.
 */

/** The layout of a staging file. */
export const stagingSchema = `
CREATE TABLE block (
  id INTEGER PRIMARY KEY,
  tag INTEGER NOT NULL,
  cid BLOB NOT NULL,
  bytes BLOB NOT NULL
) STRICT;

CREATE TABLE named_blob (
  id INTEGER PRIMARY KEY,
  collection TEXT NOT NULL,
  rkey TEXT NOT NULL,
  cid BLOB NOT NULL
) STRICT;

CREATE TABLE link (
  id INTEGER PRIMARY KEY,
  collection TEXT NOT NULL,
  rkey TEXT NOT NULL,
  subject TEXT NOT NULL
) STRICT;
`;

/** Makes blocks findable, after the last one was added. */
export const stagingIndex = 'CREATE INDEX block_by_tag ON block (tag)';
