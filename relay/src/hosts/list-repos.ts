/**
 * Asks a host for a page of the repositories it has.
 * Not for how fast and how often (host-walk.ts). The fetch given is guarded against private addresses, bounded in bytes
 * and time. Always checks: JSON of the right shape, DIDs, TIDs, CIDs; what is malformed is left out.
 * Does not check: whether the host tells the truth. Source: lexicon com.atproto.sync.listRepos.
 */
import { cidDigest, parseCid } from '@dunlin/protocol/data/cid';
import { isDid } from '@dunlin/protocol/repo/envelope';
import { isTid } from '@dunlin/protocol/repo/tid';
import { retryMsOf } from './retry-after.ts';

/** A repository as its host lists it. */
export interface ListedRepo {
  readonly did: string;
  readonly rev: string;
  /** SHA-256 digest of the commit, 32 bytes. */
  readonly head: Uint8Array;
  readonly active: boolean;
  readonly status: string | null;
}

/** What became of a question. */
export type ReposPage =
  | { readonly kind: 'page'; readonly repos: readonly ListedRepo[]; readonly cursor: string | null }
  /** The host does not list its repositories, or not from there. */
  | { readonly kind: 'refused'; readonly status: number }
  /** Nobody answered, or with "later"; `retryMs` when the host said how long to wait. */
  | { readonly kind: 'failed'; readonly retryMs: number | null };

/** Repositories of one page. */
export const reposPerPage = 500;
const maxCursorLength = 1_024;
const maxStatusLength = 64;

/** Asks; never throws. */
export async function listRepos(fetch: typeof globalThis.fetch, origin: string, cursor: string | null, { nowMs, signal }: { readonly nowMs: number; readonly signal: AbortSignal }): Promise<ReposPage> {
  const query = new URLSearchParams({ limit: String(reposPerPage), ...(cursor !== null && { cursor }) });
  try {
    const response = await fetch(`${origin}/xrpc/com.atproto.sync.listRepos?${query.toString()}`, { headers: { accept: 'application/json' }, signal });
    if (response.ok) return read(await response.json());
    await response.body?.cancel();
    if (response.status === 429 || response.status >= 500) return { kind: 'failed', retryMs: retryMsOf(response.headers, nowMs) };
    return { kind: 'refused', status: response.status };
  } catch {
    return { kind: 'failed', retryMs: null };
  }
}

function read(body: unknown): ReposPage {
  const { repos, cursor } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  if (!Array.isArray(repos)) return { kind: 'failed', retryMs: null };
  const isCursor = typeof cursor === 'string' && cursor !== '' && cursor.length <= maxCursorLength;
  return { kind: 'page', repos: repos.slice(0, reposPerPage).map(readRepo).filter((repo) => repo !== null), cursor: isCursor ? cursor : null };
}

function readRepo(repo: unknown): ListedRepo | null {
  const { did, rev, head, active, status } = (typeof repo === 'object' && repo !== null ? repo : {}) as Record<string, unknown>;
  if (typeof did !== 'string' || !isDid(did) || typeof rev !== 'string' || !isTid(rev) || typeof head !== 'string') return null;
  const digest = digestOf(head);
  // Hosts older than the field left `active` out.
  return digest && { did, rev, head: digest, active: active !== false, status: active === false && typeof status === 'string' ? status.slice(0, maxStatusLength) : null };
}

function digestOf(text: string): Uint8Array | null {
  try {
    return cidDigest(parseCid(text));
  } catch {
    return null;
  }
}
