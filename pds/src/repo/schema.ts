/**
 * Tables of repositories: where each stands with its commit, its tree nodes, and its records.
 * Only `repo/` reads and writes them. CIDs are 36 bytes; `rev` is the revision that brought a row, which makes `since` cheap.
 * Laid out for few dirty pages a write: records lie in key order with their contents, so that new ones go to the end and lists
 * and exports read them in a row; the tree nodes an account wrote last stand in one row until they settle into rows of their own,
 * which are found by a short tag of the CID.
 * Source: ours; layout reasoned in docs/decisions (integer account ids, binary CIDs, WITHOUT ROWID).
 */

/** The first layout of the repository tables. */
export const repoSchema = `
CREATE TABLE repo (
  account INTEGER PRIMARY KEY,
  head BLOB NOT NULL,
  data BLOB NOT NULL,
  rev TEXT NOT NULL,
  commit_bytes BLOB NOT NULL
) STRICT;

CREATE TABLE node (
  id INTEGER PRIMARY KEY,
  account INTEGER NOT NULL,
  tag INTEGER NOT NULL,
  cid BLOB NOT NULL,
  rev TEXT NOT NULL,
  bytes BLOB NOT NULL
) STRICT;
CREATE INDEX node_by_tag ON node (account, tag);

CREATE TABLE recent_node (
  account INTEGER PRIMARY KEY,
  nodes BLOB NOT NULL
) STRICT;

CREATE TABLE record (
  account INTEGER NOT NULL,
  collection TEXT NOT NULL,
  rkey TEXT NOT NULL,
  cid BLOB NOT NULL,
  rev TEXT NOT NULL,
  takedown_ref TEXT,
  bytes BLOB NOT NULL,
  PRIMARY KEY (account, collection, rkey)
) STRICT, WITHOUT ROWID;

CREATE TABLE backlink (
  account INTEGER NOT NULL,
  collection TEXT NOT NULL,
  subject TEXT NOT NULL,
  rkey TEXT NOT NULL,
  PRIMARY KEY (account, collection, subject, rkey)
) STRICT, WITHOUT ROWID;
CREATE INDEX backlink_by_record ON backlink (account, collection, rkey);
`;
