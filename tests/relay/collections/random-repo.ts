/**
 * A repository that changes at random, and what its collections are: the model that the collection index is held to.
 * Not for production. Place: tests of relay/src/collections.
 */
import fc from 'fast-check';
import { encode } from '@dunlin/protocol/data/cbor';
import { cidForCbor } from '@dunlin/protocol/data/cid';
import type { Cid } from '@dunlin/protocol/data/cid';
import { decodeCommit } from '@dunlin/protocol/repo/commit';
import type { PreparedWrite } from '@dunlin/protocol/repo/operation';
import { encodeEvent } from '@dunlin/protocol/stream/event-codec';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import type { FrameScan } from '@dunlin/protocol/stream/frame-scan';
import { FakeAccount } from '../fixture/fake-account.ts';

/** Names that are prefixes of each other, and neighbours in the order of keys. */
export const collectionNames = ['app.bsky.feed.like', 'app.bsky.feed.likes', 'app.bsky.feed.post', 'com.example.a', 'com.example.aa', 'com.example.b'];

/** One thing to do to a record; what is possible is done. */
export interface RandomWrite {
  readonly collection: number;
  readonly record: number;
  readonly isDelete: boolean;
}

/** Commits of several writes each; few records, so that collections empty often. */
export function randomCommits(most: number): fc.Arbitrary<RandomWrite[][]> {
  const write = fc.record({ collection: fc.nat(collectionNames.length - 1), record: fc.nat(3), isDelete: fc.boolean() });
  return fc.array(fc.array(write, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: most, size: 'max' });
}

/** A commit's frame and what it was made of. */
export interface MadeCommit {
  readonly bytes: Uint8Array;
  readonly scan: FrameScan;
  readonly data: Cid;
}

/** The repository. */
export class RandomRepo {
  readonly account = new FakeAccount();
  /** Paths and their CIDs. */
  readonly records = new Map<string, string>();
  #version = 0;

  /** The collections it has, in the order of their text. */
  collections(): string[] {
    return [...new Set([...this.records.keys()].map((path) => path.slice(0, path.indexOf('/'))))].sort();
  }

  /** Fills a collection, so that the tree is deep. */
  fill(collection: string, records: number): MadeCommit {
    return this.#make(Array.from({ length: records }, (_, i) => this.#put(collection, `f${i}`)));
  }

  /** Makes a commit of what is possible; null when nothing is. */
  commit(writes: readonly RandomWrite[]): MadeCommit | null {
    const byPath = new Map<string, PreparedWrite>();
    for (const { collection, record, isDelete } of writes) {
      const name = collectionNames[collection] ?? '';
      const path = `${name}/r${record}`;
      if (byPath.has(path)) continue;
      if (!isDelete) byPath.set(path, this.#put(name, `r${record}`));
      else if (this.records.delete(path)) byPath.set(path, { action: 'delete', collection: name, rkey: `r${record}` });
    }
    return byPath.size === 0 ? null : this.#make([...byPath.values()]);
  }

  #put(collection: string, rkey: string): PreparedWrite {
    const path = `${collection}/${rkey}`;
    const bytes = encode({ $type: collection, version: ++this.#version });
    const cid = cidForCbor(bytes);
    const action = this.records.has(path) ? 'update' : 'create';
    this.records.set(path, cid.toString());
    return { action, collection, rkey, cid, bytes };
  }

  #make(writes: readonly PreparedWrite[]): MadeCommit {
    const bytes = encodeEvent({ ...this.account.commit(writes), seq: 1 });
    const head = this.account.blocks.get(this.account.head!.cid)!;
    return { bytes, scan: scanFrame(bytes), data: decodeCommit(head).data };
  }
}
