/**
 * Reads a repository: where it stands, its commit block, single blocks, proofs.
 * On the one connection, synchronously but for a search; whole exports have a snapshot of their own (`export.ts`).
 * Not here: whether the account is served (`api/`). Source: lexicons com.atproto.sync.*.
 */
import { assert } from '@dunlin/protocol/base/assert';
import { growingCache } from '@dunlin/protocol/base/growing-cache';
import { BlockMap } from '@dunlin/protocol/data/block-map';
import { cidFromBytes, cidToBytes, sameCid, type Cid } from '@dunlin/protocol/data/cid';
import { recordProof } from '@dunlin/protocol/mst/proof';
import type { RepoHead } from '@dunlin/protocol/repo/apply';
import { Line } from '@dunlin/service/lifecycle/line';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';
import type { HeadStore } from './head-store.ts';
import type { NodeStore } from './node-store.ts';
import type { RecordPlace } from './record-path.ts';
import type { RecordStore } from './record-store.ts';
import { toOwnFault } from './refusals.ts';

/** Most askers for blocks of records that wait for their turn. */
export const maxSearchesWaiting = 32;

/** Most that blocks may have together which are asked for at once, in bytes: each asker has them in memory until they are sent. */
export const maxBlocksBytes = 10_000_000;

/** Most accounts whose counts are remembered. */
const maxCounted = 1_000;

/** A commit as it is stored. */
export interface StoredCommit {
  readonly cid: Cid;
  readonly rev: string;
  readonly bytes: Uint8Array;
}

/** Reads repositories of this server. */
export class RepoReader {
  readonly #heads: HeadStore;
  readonly #nodes: NodeStore;
  readonly #records: RecordStore;
  readonly #searches = new Line(1);
  readonly #counted = growingCache<number, { rev: string; counts: { blocks: number; records: number } }>(maxCounted);

  constructor(heads: HeadStore, nodes: NodeStore, records: RecordStore) {
    this.#heads = heads;
    this.#nodes = nodes;
    this.#records = records;
  }

  /** Gives where a repository stands, or null when the account has none. */
  head(accountId: number): RepoHead | null {
    return this.#heads.find(accountId);
  }

  /** Gives the newest commit with its block, or null when the account has none. */
  commit(accountId: number): StoredCommit | null {
    const head = this.#heads.find(accountId);
    if (head === null) return null;
    const bytes = this.#heads.commitBytes(accountId);
    assert(bytes !== null, `commit block is missing: account=${accountId}`);
    return { cid: head.cid, rev: head.rev, bytes };
  }

  /**
   * Gives those of the blocks that the account holds: its commit, tree nodes, records. Records are not found by their CID, so all of them are
   * looked through, for one asker after the other and with turns for everybody else in between.
   * @throws XrpcError 400 when they are more than `maxBlocksBytes` together, 503 NotEnoughResources when too many wait; the signal's reason
   */
  async blocks(accountId: number, cids: readonly Cid[], signal: AbortSignal): Promise<BlockMap> {
    const found = new BlockMap();
    const commit = this.commit(accountId);
    let leftBytes = maxBlocksBytes;
    const take = (bytes: number): void => {
      leftBytes -= bytes;
      if (leftBytes < 0) throw invalidRequest(`blocks have more than ${maxBlocksBytes} bytes together: ask for fewer`);
    };
    for (const cid of cids) {
      const bytes = sameCid(commit?.cid ?? null, cid) ? commit?.bytes : this.#nodes.find(accountId, cid);
      if (!bytes) continue;
      take(bytes.length);
      found.set(cid, bytes);
    }
    const others = cids.filter((cid) => !found.has(cid)).map(cidToBytes);
    if (others.length === 0) return found;
    if (this.#searches.waiting >= maxSearchesWaiting) throw new XrpcError(503, 'NotEnoughResources', 'too many blocks are looked for at once, try again later');
    await this.#searches.run(async () => {
      for (const places of this.#records.placesOf(accountId, others)) {
        for (const { cid, collection, rkey, length } of places) {
          take(length);
          found.set(cidFromBytes(cid), this.#records.bytesAt(accountId, collection, rkey)!);
        }
        await new Promise((resolve) => void setImmediate(resolve));
        signal.throwIfAborted();
      }
    }, signal);
    return found;
  }

  /** Gives the blocks that prove what stands at a record's place, be it nothing: commit, tree nodes, the record. */
  proof(accountId: number, place: RecordPlace): { root: Cid; blocks: [Cid, Uint8Array][] } | null {
    const head = this.#heads.find(accountId);
    const commit = this.commit(accountId);
    if (head === null || commit === null) return null;
    const blocks: [Cid, Uint8Array][] = [[commit.cid, commit.bytes], ...this.#proofNodes(accountId, head, place)];
    const recordCid = this.#records.cidOf(accountId, place.collection, place.rkey);
    const bytes = this.#records.bytesAt(accountId, place.collection, place.rkey);
    if (recordCid !== null && bytes !== null) blocks.push([cidFromBytes(recordCid), bytes]);
    return { root: commit.cid, blocks };
  }

  #proofNodes(accountId: number, head: RepoHead, { collection, rkey }: RecordPlace): Iterable<[Cid, Uint8Array]> {
    const source = { get: (cid: Cid) => this.#nodes.find(accountId, cid) ?? undefined };
    try {
      return recordProof(source, head.data, `${collection}/${rkey}`);
    } catch (fault) {
      throw toOwnFault(fault, accountId);
    }
  }

  /** How many blocks (commit, nodes, records) and records an account has. A million take a while: each revision is counted once. */
  counts(accountId: number): { blocks: number; records: number } {
    const rev = this.head(accountId)?.rev ?? null;
    const known = this.#counted.get(accountId);
    if (known !== undefined && known.rev === rev) return known.counts;
    const { records, blocks } = this.#records.count(accountId);
    const counts = { blocks: 1 + this.#nodes.count(accountId) + blocks, records };
    if (rev !== null) this.#counted.set(accountId, { rev, counts });
    return counts;
  }
}
