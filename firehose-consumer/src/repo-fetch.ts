/**
 * Fetches one repository from the server its account's DID document names, and believes it: one root, a commit of that
 * account, and at the levels that verify its signature. Blocks are hashed as they come and staged.
 * Not for: the tree, whose every node is checked when it is walked (see difference.ts), or for choosing when (resync.ts).
 * Place in the flow: the first half of a resync.
 * Bounds: bytes of the repository, and a deadline over everything.
 * Source: lexicon com.atproto.sync.getRepo.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { readCarStream } from '@dunlin/protocol/car/read-stream';
import type { PublicKey } from '@dunlin/protocol/crypto/did-key';
import type { Cid } from '@dunlin/protocol/data/cid';
import { checkRevTime } from '@dunlin/protocol/repo/check-commit';
import { decodeCommit, verifyCommitSignature } from '@dunlin/protocol/repo/commit';
import { isTid } from '@dunlin/protocol/repo/tid';
import { readErrorName, retryMsOf } from './http-answer.ts';
import { RepoStage } from './repo-stage.ts';

/** What a fetch needs. */
export interface RepoRequest {
  readonly did: string;
  /** Origin of the account's server. */
  readonly host: string;
  /** The key that must have signed the commit; null: nobody looks at the signature. */
  readonly key: PublicKey | null;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  readonly maxBytes: number;
  readonly timeoutMs: number;
  /** Where large repositories are staged. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** A repository in hand; whoever has it closes the stage. */
export interface FetchedRepo {
  readonly kind: 'repo';
  readonly rev: string;
  readonly data: Cid;
  readonly commit: Cid;
  readonly stage: RepoStage;
}

/** gone: the server says that the account is not there. badSignature: as said. failed: anything else; `retryMs` by the server's word. */
export type RepoAnswer =
  | FetchedRepo
  | { readonly kind: 'gone' | 'badSignature'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string; readonly retryMs: number | null };

const goneErrors: ReadonlySet<string> = new Set(['RepoNotFound', 'RepoTakendown', 'RepoSuspended', 'RepoDeactivated']);

/** Fetches; rejects only when `signal` aborts or with a mistake of ours. */
export async function fetchRepo(request: RepoRequest): Promise<RepoAnswer> {
  const { clock, timeoutMs, signal } = request;
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const timer = clock.after(timeoutMs, () => stop.abort(new Error(`no whole repository in time: timeoutMs=${timeoutMs}`)));
  try {
    signal.throwIfAborted();
    return await ask(request, stop.signal);
  } catch (error) {
    signal.throwIfAborted();
    const reason: unknown = stop.signal.aborted ? stop.signal.reason : error;
    return { kind: 'failed', reason: reason instanceof Error ? reason.message : String(reason), retryMs: null };
  } finally {
    timer.cancel();
    signal.removeEventListener('abort', onAbort);
  }
}

async function ask(request: RepoRequest, signal: AbortSignal): Promise<RepoAnswer> {
  const { host, did, fetch } = request;
  const response = await fetch(`${host}/xrpc/com.atproto.sync.getRepo?did=${encodeURIComponent(did)}`, { headers: { accept: 'application/vnd.ipld.car' }, redirect: 'manual', signal });
  if (response.ok && response.body) return stageRepo(response.body as unknown as AsyncIterable<Uint8Array>, request);
  const error = await readErrorName(response);
  if (error !== null && goneErrors.has(error)) return { kind: 'gone', reason: error };
  return { kind: 'failed', reason: `http ${response.status}${error === null ? '' : `: ${error}`}`, retryMs: retryMsOf(response) };
}

async function stageRepo(body: AsyncIterable<Uint8Array>, request: RepoRequest): Promise<RepoAnswer> {
  const { did, key, clock, maxBytes, folder } = request;
  const stage = new RepoStage(folder);
  let isKept = false;
  try {
    const { roots, blocks } = await readCarStream(body, { maxBytes });
    for await (const [cid, bytes] of blocks) stage.add(cid.bytes, bytes);
    const [root] = roots;
    if (root === undefined || roots.length > 1) return failed(`car has not one root: roots=${roots.length}`);
    const bytes = stage.getBytes(root.bytes);
    if (bytes === undefined) return failed('commit block is absent');
    const commit = decodeCommit(bytes);
    if (commit.did !== did) return failed('commit belongs to another account');
    if (!isTid(commit.rev)) return failed('rev is no TID');
    const early = checkRevTime(commit.rev, clock.nowMs());
    if (key !== null && early) return failed(`rev lies in the future: ${early.detail}`);
    if (key !== null && !verifyCommitSignature(bytes, key)) return { kind: 'badSignature', reason: `commit is not signed by the key: rev=${commit.rev}` };
    isKept = true;
    return { kind: 'repo', rev: commit.rev, data: commit.data, commit: root, stage };
  } finally {
    if (!isKept) stage.close();
  }
}

function failed(reason: string): RepoAnswer {
  return { kind: 'failed', reason, retryMs: null };
}
