/**
 * What the deletion of an account asks of all who keep rows of it and are not bound to it by a foreign key.
 * A table that nobody empties fails `tests/pds/membership/deletion.test.ts`. Not for the deletion (`membership/standing.ts`).
 * Source: ours.
 */

/** Something that keeps rows of an account, which go when the account does. */
export interface AccountRows {
  /** Removes all of an account, within a group. */
  removeAll(accountId: number): void;
}
