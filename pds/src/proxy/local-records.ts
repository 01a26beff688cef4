/**
 * What an account wrote here that an app view has not seen yet: its profile, and its newest posts.
 * "Not yet" is what the app view says itself, by the revision it answers with. Empty when nothing here is as old as that revision:
 * then it speaks of another time, such as before a move.
 * Not for showing (`post-view.ts`). Source: behaviour of the reference PDS (read-after-write).
 */
import { decode } from '@dunlin/protocol/data/cbor';
import { cidFromBytes } from '@dunlin/protocol/data/cid';
import { toJson } from '@dunlin/protocol/data/json';
import { tidToMicros } from '@dunlin/protocol/repo/tid';
import type { Account } from '../account/account.ts';
import { recordUri } from '../repo/record-path.ts';
import type { NewerRecord, RecordStore } from '../repo/record-store.ts';
import type { RepoReader } from '../repo/read.ts';

/** Collections that are looked at. */
export const postCollection = 'app.bsky.feed.post';
/** See postCollection. */
export const profileCollection = 'app.bsky.actor.profile';

/** Most posts that are looked at. */
const maxPosts = 10;

/** A record in JSON form. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/** A record an app view has not seen. */
export interface LocalRecord {
  readonly uri: string;
  readonly cid: string;
  /** When it was written, as ISO 8601 in UTC. */
  readonly indexedAt: string;
  readonly record: JsonRecord;
}

/** What an app view has not seen of an account. */
export interface LocalRecords {
  readonly profile: LocalRecord | null;
  /** The oldest first. */
  readonly posts: readonly LocalRecord[];
}

/** Finds such records. Every method is synchronous. */
export class LocalRecordReader {
  readonly #repos: RepoReader;
  readonly #records: RecordStore;

  constructor(repos: RepoReader, records: RecordStore) {
    this.#repos = repos;
    this.#records = records;
  }

  /** Gives what is newer than a revision, or null when nothing is. */
  since(account: Account, rev: string): LocalRecords | null {
    const head = this.#repos.head(account.id);
    if (head === null || head.rev <= rev) return null;
    const newer = (collection: string, limit: number): LocalRecord[] =>
      this.#records.newerAmongLast(account.id, { collection, rev, limit }).map((row) => toLocal(account.did, collection, row));
    const [profile = null] = newer(profileCollection, 1);
    const posts = newer(postCollection, maxPosts).toSorted((a, b) => (a.indexedAt < b.indexedAt ? -1 : 1));
    if ((profile === null && posts.length === 0) || !this.#records.hasUpTo(account.id, rev)) return null;
    return { profile, posts };
  }

  /** Gives the profile record of an account, seen or not, or null. */
  profile(account: Account): JsonRecord | null {
    const row = this.#records.find(account.id, profileCollection, 'self');
    return row && (toJson(decode(row.bytes)) as JsonRecord);
  }
}

/** Gives how long ago the oldest of the records was written, in ms. */
export function lagMs({ profile, posts }: LocalRecords, nowMs: number): number {
  const times = [profile, ...posts].filter((local) => local !== null).map(({ indexedAt }) => Date.parse(indexedAt));
  return Math.max(0, nowMs - Math.min(...times));
}

function toLocal(did: string, collection: string, { rkey, cid, rev, bytes }: NewerRecord): LocalRecord {
  return {
    uri: recordUri(did, { collection, rkey }),
    cid: cidFromBytes(cid).toString(),
    indexedAt: new Date(tidToMicros(rev) / 1000).toISOString(),
    record: toJson(decode(bytes)) as JsonRecord,
  };
}
