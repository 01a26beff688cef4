/**
 * What an account's records say of blobs already: records that came from elsewhere may say what the bytes do not, and whoever changes
 * them may go on saying it. Made for one write and asked only where a claim is not what was uploaded; the server stands still meanwhile,
 * so that what is looked into is bounded, and each record is read once. Not for what was uploaded (`refusals.ts`). Source: ours.
 */
import { decode } from '@dunlin/protocol/data/cbor';
import type { BlobStore, BlobUser } from '../blob/blob-store.ts';
import { claimsOf } from './blob-refs.ts';
import type { NamedBlob } from './record-scan.ts';
import type { RecordStore } from './record-store.ts';

/** Most other records that one write has looked into. */
export const maxOthersAsked = 100;

/** No more records are looked into when those before had so many bytes together. */
export const maxAskedBytes = 4_000_000;

/** What is said, as far as it was asked for. */
export class BlobClaims {
  readonly #accountId: number;
  readonly #blobs: BlobStore;
  readonly #records: RecordStore;
  readonly #said = new Set<string>();
  readonly #asked = new Set<string>();
  #leftOthers = maxOthersAsked;
  #leftBytes = maxAskedBytes;

  constructor(accountId: number, o: { blobs: BlobStore; records: RecordStore }) {
    this.#accountId = accountId;
    this.#blobs = o.blobs;
    this.#records = o.records;
  }

  /** Tells whether a record says the same of a blob: the one that is to be replaced, at `place`, or another that names it. */
  isSaid(named: NamedBlob, place: BlobUser): boolean {
    const claim = claimOf(named);
    this.#ask(place);
    if (this.#said.has(claim)) return true;
    if (this.#leftOthers === 0) return false;
    for (const user of this.#blobs.users(this.#accountId, named.cid, this.#leftOthers)) {
      if (this.#ask(user)) this.#leftOthers -= 1;
      if (this.#said.has(claim)) return true;
    }
    return false;
  }

  /** Looks into a record; false when that was done before, or enough was read. */
  #ask({ collection, rkey }: BlobUser): boolean {
    const path = `${collection}/${rkey}`;
    if (this.#asked.has(path) || this.#leftBytes <= 0) return false;
    this.#asked.add(path);
    const bytes = this.#records.bytesAt(this.#accountId, collection, rkey);
    if (bytes === null) return true;
    this.#leftBytes -= bytes.length;
    for (const named of claimsOf(decode(bytes))) this.#said.add(claimOf(named));
    return true;
  }
}

function claimOf({ cid, mimeType, size }: NamedBlob): string {
  return `${cid.toString()} ${size} ${mimeType}`;
}
