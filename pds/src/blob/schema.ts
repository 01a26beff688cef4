/**
 * Tables of blobs: what was uploaded, and which record names which blob.
 * Only `blob/` reads and writes them; the bytes are files, see `blob-files.ts`. CIDs are 36 bytes, times ms since 1970.
 * A blob is served and listed only while `blob_use` has a row for it; without one it is kept for a grace time, then goes to the trash.
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

/**
 * The second layout: whether a record ever named a blob, and the trash. A row of the trash says that the bytes are still there and
 * when they are to be removed; they lie where they lay. It names the DID, since an account may be gone.
 */
export const blobSchema2 = `
ALTER TABLE blob ADD COLUMN was_named INTEGER NOT NULL DEFAULT 1;

CREATE TABLE blob_trash (
  did TEXT NOT NULL,
  cid BLOB NOT NULL,
  mime_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  takedown_ref TEXT,
  trashed_at INTEGER NOT NULL,
  remove_at INTEGER NOT NULL,
  PRIMARY KEY (did, cid)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_trash_by_end ON blob_trash (remove_at);
`;
