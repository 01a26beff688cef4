/**
 * Asks a host how it stands with one of its accounts.
 * Not for how often (reactivation.ts, account-event.ts). The fetch given is guarded against private addresses, bounded
 * in bytes and time. Always checks: JSON of the right shape, the DID asked for.
 * Source: lexicon com.atproto.sync.getRepoStatus.
 */

/** What the host said. */
export type RepoStatus =
  | { readonly kind: 'told'; readonly active: boolean; readonly status: string | null }
  /** It has no such repository: how hosts speak of a deleted account. */
  | { readonly kind: 'absent' }
  /** No answer that could be read. */
  | { readonly kind: 'failed' };

const maxStatusLength = 64;

/** Asks; never throws. */
export async function askRepoStatus(fetch: typeof globalThis.fetch, origin: string, did: string): Promise<RepoStatus> {
  try {
    const response = await fetch(`${origin}/xrpc/com.atproto.sync.getRepoStatus?did=${encodeURIComponent(did)}`, { headers: { accept: 'application/json' } });
    const body: unknown = await response.json();
    const { did: told, active, status, error } = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
    if (!response.ok) return error === 'RepoNotFound' ? { kind: 'absent' } : { kind: 'failed' };
    if (told !== did || typeof active !== 'boolean') return { kind: 'failed' };
    return { kind: 'told', active, status: !active && typeof status === 'string' ? status.slice(0, maxStatusLength) : null };
  } catch {
    return { kind: 'failed' };
  }
}
