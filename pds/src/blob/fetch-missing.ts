/**
 * Fetches blobs that an account's records name and that are not here from the server that still has them: after a move, or when files
 * were lost. Each is streamed to a file while it is hashed, and kept only when it is what its name says.
 * Works for a bounded time from one CID on; what is still missing is the state, so it can be cut off and asked again at any time.
 * Source: lexicons com.atproto.sync.getBlob and com.atproto.repo.listMissingBlobs; ours.
 */
import { Readable } from 'node:stream';
import { AssertionFailure } from '@dunlin/protocol/base/assert';
import type { Clock } from '@dunlin/protocol/base/clock';
import { sameCid, type Cid } from '@dunlin/protocol/data/cid';
import { AnswerTooLargeError } from '@dunlin/service/http/guarded-fetch';
import type { Account } from '../account/account.ts';
import type { BlobFiles } from './blob-files.ts';
import type { BlobStore } from './blob-store.ts';
import { firstOf } from './first-of.ts';
import type { BlobKeeper } from './keep.ts';
import { blobMimeType } from './sniff.ts';

/** How long one call works before it answers, in ms; a blob that is under way is finished. */
export const fetchBudgetMs = 20_000;

/** Most blobs of one call. */
export const maxFetchedBlobs = 500;

/** Blobs that are fetched beside each other: most of the time is waiting for the other server. */
export const fetchLanes = 4;

/** A blob that did not come. */
export interface FailedBlob {
  readonly cid: Cid;
  readonly reason: string;
  /** True when the other server gave an answer about the blob, only not the blob; false when it may be asked again later. */
  readonly isAnswered: boolean;
}

/** Answers that say nothing of the blob: too many questions, or a server behind a proxy that is away. */
const passingStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** What one call did. */
export interface FetchedBlobs {
  readonly fetched: number;
  readonly bytes: number;
  readonly failed: readonly FailedBlob[];
  /** Where to go on; null when every missing blob was asked for. */
  readonly cursor: Cid | null;
}

/** The other server did not give a blob. */
class NotGiven extends Error {
  readonly isAnswered: boolean;

  constructor(reason: string, { isAnswered }: { isAnswered: boolean }) {
    super(reason);
    this.isAnswered = isAnswered;
  }
}

/** Fetches blobs. */
export class MissingBlobs {
  readonly #blobs: BlobStore;
  readonly #files: BlobFiles;
  readonly #keeper: BlobKeeper;
  readonly #fetch: typeof globalThis.fetch;
  readonly #clock: Clock;

  /** `fetch` bounds bytes and time of one blob, and the addresses that are asked. */
  constructor(o: { blobs: BlobStore; files: BlobFiles; keeper: BlobKeeper; fetch: typeof globalThis.fetch; clock: Clock }) {
    this.#blobs = o.blobs;
    this.#files = o.files;
    this.#keeper = o.keeper;
    this.#fetch = o.fetch;
    this.#clock = o.clock;
  }

  /**
   * Fetches blobs of an account from a server (an origin), in order of CID bytes after a cursor; `signal` ends the call early.
   * @throws BlobStorageError, or what else hinders us from keeping them: that is never the other server's fault
   */
  async fetch({ id, did }: Account, { from, after, signal }: { from: string; after: Cid | null; signal?: AbortSignal }): Promise<FetchedBlobs> {
    const end = this.#clock.elapsedMs() + fetchBudgetMs;
    const missing = await firstOf(this.#blobs.searchMissing(id, { after }), maxFetchedBlobs);
    const failed: FailedBlob[] = [];
    let [fetched, bytes, done] = [0, 0, 0];
    const mayGoOn = (): boolean => this.#clock.elapsedMs() < end && signal?.aborted !== true;
    const lane = async (): Promise<void> => {
      for (let next = missing[done]; next !== undefined && mayGoOn(); next = missing[done]) {
        const { cid } = next;
        done++;
        try {
          const size = await this.#one({ id, did }, cid, { from, signal });
          bytes += size;
          fetched++;
        } catch (fault) {
          if (!(fault instanceof NotGiven)) throw fault;
          failed.push({ cid, reason: fault.message, isAnswered: fault.isAnswered });
        }
      }
    };
    // What one lane has begun is finished before the call answers, whatever became of another.
    for (const ended of await Promise.allSettled(Array.from({ length: fetchLanes }, lane))) if (ended.status === 'rejected') throw ended.reason;
    const isAll = done === missing.length && missing.length < maxFetchedBlobs;
    return { fetched, bytes, failed, cursor: isAll ? null : (missing[done - 1]?.cid ?? after) };
  }

  /** Fetches one blob and gives its length. */
  async #one({ id, did }: { id: number; did: string }, cid: Cid, { from, signal }: { from: string; signal: AbortSignal | undefined }): Promise<number> {
    const query = new URLSearchParams({ did, cid: cid.toString() });
    const answer = await this.#fetch(`${from}/xrpc/com.atproto.sync.getBlob?${query.toString()}`, { headers: { accept: '*/*' }, ...(signal && { signal }) }).catch((fault: unknown) => {
      throw notGiven(fault, fault instanceof AnswerTooLargeError);
    });
    if (answer.status !== 200 || answer.body === null) {
      await answer.body?.cancel();
      throw new NotGiven(`server answered ${answer.status}`, { isAnswered: !passingStatuses.has(answer.status) });
    }
    const received = await this.#files.receive(did, Readable.from(told(answer.body as unknown as AsyncIterable<Uint8Array>), { objectMode: false }));
    try {
      if (!sameCid(received.cid, cid)) throw new NotGiven('what came is not what its name says', { isAnswered: true });
      const mimeType = blobMimeType(received.head, answer.headers.get('content-type'));
      if ((await this.#keeper.keep({ id, did }, received, mimeType)) === null) throw new NotGiven('account was deleted', { isAnswered: true });
      return received.size;
    } finally {
      await received.discard();
    }
  }
}

function notGiven(fault: unknown, isAnswered: boolean): unknown {
  if (fault instanceof AssertionFailure) return fault;
  return new NotGiven(fault instanceof Error ? fault.message : String(fault), { isAnswered });
}

/** Tells what fails in a body from what fails where it is put. */
async function* told(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* body;
  } catch (fault) {
    throw notGiven(fault, true);
  }
}
