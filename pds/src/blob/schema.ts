/**
 * Tables of blobs: what was uploaded, and which record names which blob.
 * Only `blob/` reads and writes them; the bytes are files, see `blob-files.ts`. CIDs are 36 bytes, times ms since 1970.
 * A blob is served and listed only while `blob_use` has a row for it; without one it is kept for a grace time, then collected.
 * Source: ours; life cycle as in the AT Protocol blob spec.
 */

/** The first layout of the blob tables. */
export const blobSchema = `
CREATE TABLE blob (
  account INTEGER NOT NULL,
  cid BLOB NOT NULL,
  mime_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  unused_since INTEGER,
  takedown_ref TEXT,
  PRIMARY KEY (account, cid)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_by_disuse ON blob (unused_since) WHERE unused_since IS NOT NULL;

CREATE TABLE blob_use (
  account INTEGER NOT NULL,
  cid BLOB NOT NULL,
  collection TEXT NOT NULL,
  rkey TEXT NOT NULL,
  rev TEXT NOT NULL,
  PRIMARY KEY (account, cid, collection, rkey)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_use_by_record ON blob_use (account, collection, rkey);
`;
