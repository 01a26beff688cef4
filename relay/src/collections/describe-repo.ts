/**
 * Asks a host which collections a repository has.
 * Not for how often and when (checks.ts). The fetch given is guarded against private addresses, bounded in bytes and time.
 * Always checks: JSON of the right shape, the DID asked for, NSIDs. Does not check: whether the host tells the truth; what
 * the account's commits say afterwards is proven and corrects it.
 * Source: lexicon com.atproto.repo.describeRepo.
 */
import { isValidNsid } from '@atproto/syntax';
import { retryMsOf } from '../hosts/retry-after.ts';

/** What became of a question. */
export type Described =
  | { readonly kind: 'told'; readonly collections: ReadonlySet<string> }
  /** The host has no such repository, does not give it out just now, or answers something else. */
  | { readonly kind: 'away' }
  /** Nobody answered, or with "later"; `retryMs` when the host said how long to wait. */
  | { readonly kind: 'failed'; readonly retryMs: number | null };

/** Asks; never throws. */
export async function describeRepo(fetch: typeof globalThis.fetch, origin: string, did: string, nowMs: () => number): Promise<Described> {
  try {
    const response = await fetch(`${origin}/xrpc/com.atproto.repo.describeRepo?repo=${encodeURIComponent(did)}`, { headers: { accept: 'application/json' } });
    const body = await bodyOf(response);
    if (response.ok) return read(body, did);
    if (response.status === 429 || response.status >= 500) return { kind: 'failed', retryMs: retryMsOf(response.headers, nowMs()) };
    return { kind: 'away' };
  } catch {
    return { kind: 'failed', retryMs: null };
  }
}

async function bodyOf(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

function read(body: unknown, did: string): Described {
  const { did: told, collections } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  if (told !== did || !Array.isArray(collections)) return { kind: 'away' };
  return { kind: 'told', collections: new Set(collections.filter((nsid): nsid is string => typeof nsid === 'string' && isValidNsid(nsid))) };
}
