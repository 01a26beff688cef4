/**
 * Tables of identities: accounts whose DID documents name the server's new host, so that a rename that was cut off goes on where it was;
 * the did:web DIDs whose documents this server writes; and changes a did:plc directory is being asked for.
 * Only `identity/` reads and writes them. Times are ms since 1970. Source: ours, decisions/0025, 0026 and 0032.
 */

/** The first layout: the newest host each account was renamed to. */
export const hostRenameSchema = `
CREATE TABLE host_rename (
  account INTEGER PRIMARY KEY,
  host TEXT NOT NULL,
  done_at INTEGER NOT NULL
) STRICT;
`;

/** DIDs whose documents are written here. A row is never removed: a name that was a DID once is no other's for ever. */
export const hostedDidSchema = `
CREATE TABLE hosted_did (
  host TEXT PRIMARY KEY,             -- the DID is did:web:HOST
  account INTEGER UNIQUE,            -- null when the account is gone from here
  handle TEXT NOT NULL,              -- what the document names when the account is gone or was moved away
  signing_key TEXT,                  -- did:key of another server; null: the account's own
  endpoint TEXT,                     -- address of another server; null: this one
  created_at INTEGER NOT NULL,
  ended_at INTEGER                   -- since when the DID is no more
) STRICT;
`;

/** Changes of identities that a directory is being asked for; a row goes in the transaction that makes the account true to its document. */
export const identityIntentSchema = `
CREATE TABLE identity_intent (
  did TEXT PRIMARY KEY,
  account INTEGER,                   -- null while there is none: the DID is made for it
  handle TEXT UNIQUE,                -- held against all others
  signing_key BLOB,
  operation TEXT NOT NULL,           -- JSON, signed
  begun_at INTEGER NOT NULL
) STRICT;
CREATE INDEX identity_intent_by_account ON identity_intent (account) WHERE account IS NOT NULL;
`;
