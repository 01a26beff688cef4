/**
 * Tables of repositories: the head, the blocks and an index of the records of each account.
 * Only `repo/` reads and writes them. CIDs are 36 bytes; `rev` of a block is the revision that brought it, which makes `since` cheap.
 * `uses` of a record block counts the keys that name it: equal records share a block. Nodes and commits always have 1.
 * Source: ours; layout reasoned in docs/decisions (integer account ids, binary CIDs, WITHOUT ROWID).
 */

/** The first layout of the repository tables. */
export const repoSchema = `
CREATE TABLE repo (
  account INTEGER PRIMARY KEY,
  head BLOB NOT NULL,
  data BLOB NOT NULL,
  rev TEXT NOT NULL
) STRICT;

CREATE TABLE block (
  account INTEGER NOT NULL,
  cid BLOB NOT NULL,
  rev TEXT NOT NULL,
  uses INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (account, cid)
) STRICT, WITHOUT ROWID;

CREATE TABLE record (
  account INTEGER NOT NULL,
  collection TEXT NOT NULL,
  rkey TEXT NOT NULL,
  cid BLOB NOT NULL,
  rev TEXT NOT NULL,
  takedown_ref TEXT,
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
