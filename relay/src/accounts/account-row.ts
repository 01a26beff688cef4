/**
 * How one account is laid out in the account table: 152 bytes, and the codes for its statuses.
 * Not for finding an account (account-table.ts) nor for storing one (account-store.ts).
 * Place in the flow: read and written by every verdict; twenty million accounts fit three gigabytes.
 * Source: ours.
 */

/** Bytes of one row. */
export const rowBytes = 152;

/** Where the fields of a row are. Integers are little-endian. */
export const field = {
  hashLow: 0,
  hashHigh: 4,
  hostId: 8,
  upstream: 12,
  local: 13,
  flags: 14,
  keyCurve: 15,
  keyCheckedSeconds: 16,
  /** 15 bytes: the 24 base32 characters of a did:plc. */
  plc: 20,
  /** 13 characters of a TID. */
  rev: 35,
  /** SHA-256 of the tree's root. */
  data: 48,
  /** SHA-256 of the commit. */
  head: 80,
  /** Compressed point, 33 bytes. */
  key: 112,
} as const;

/** Bits of `flags`. */
export const flag = {
  /** A did:plc, its id in the row; else the DID stands in a side map. */
  plc: 1,
  /** rev, data and head are known. */
  hasHead: 2,
  /** Events between were missed: since or prevData did not fit what we had. */
  desynchronized: 4,
  /** Changed since it was last stored. */
  dirty: 8,
  /** The host says the account is active. */
  upstreamActive: 16,
  /** Its newest commit or #sync came through another relay, so its host will tell of it still. Not stored. */
  relayed: 32,
  /** rev and head are what its host listed, and nothing of it was passed on. */
  told: 64,
  /** With told: its host has proven them, and data is known as well. */
  toldProven: 128,
} as const;

/** What a host said in #account, or that it said nothing yet. */
export const upstreamStatuses = ['none', 'takendown', 'suspended', 'deactivated', 'deleted', 'desynchronized', 'throttled', 'other'] as const;

/** Word of the host about an account. */
export type UpstreamStatus = (typeof upstreamStatuses)[number];

/** What we ourselves hold against an account. */
export const localStatuses = ['none', 'takendown', 'throttled'] as const;

/** Our own word about an account: taken down by an operator, or beyond its host's account limit. */
export type LocalStatus = (typeof localStatuses)[number];

/** Where a repository stands, as far as we passed it on. */
export interface RepoState {
  readonly rev: string;
  /** SHA-256 digest of the tree's root, 32 bytes. */
  readonly data: Uint8Array;
  /** SHA-256 digest of the commit, 32 bytes. */
  readonly head: Uint8Array;
}

/** Where a repository stands of which nothing was passed on. */
export interface ToldRepo extends Omit<RepoState, 'data'> {
  /** Null while it is the word of its host, known when a signed commit has proven it. */
  readonly data: Uint8Array | null;
}

/** A signing key as it is kept. */
export interface AccountKey {
  readonly curve: 'p256' | 'k256';
  /** Compressed point, 33 bytes. */
  readonly bytes: Uint8Array;
}
