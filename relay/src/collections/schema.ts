/**
 * Tables of `collections.sqlite`: which accounts have records in which collection, and how sure the relay is of each.
 * Not the accounts themselves: `row` is a number in the account table (accounts.sqlite).
 * Source: ours. A script is never changed once released; a new one is added.
 */

/** Scripts in the order of their application. */
export const collectionMigrations: readonly string[] = [
  `
  CREATE TABLE collection (
    id INTEGER PRIMARY KEY,
    nsid TEXT NOT NULL UNIQUE,
    accounts INTEGER NOT NULL           -- how many rows its sets have
  ) STRICT;
  CREATE TABLE member (
    collection INTEGER NOT NULL,        -- collection.id
    block INTEGER NOT NULL,             -- rows from block * 4,096 on
    rows BLOB NOT NULL,                 -- see row-set.ts
    PRIMARY KEY (collection, block)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX member_by_block ON member (block);
  CREATE TABLE standing (
    block INTEGER PRIMARY KEY,          -- rows from block * 1,024 on
    rows BLOB NOT NULL                  -- two bytes each, see standings.ts
  ) STRICT;
  CREATE TABLE progress (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    applied_seq INTEGER NOT NULL,       -- every log event up to here is contained
    rows INTEGER NOT NULL               -- no row from here on is contained
  ) STRICT;
  `,
];
