/**
 * did:web: where the document lies, and fetching it.
 * Not for DIDs with a path, which the network does not use. Ports and http are for `localhost` in development only.
 * Takes a DID. Gives the document, null when the host says there is none or serves something else.
 * Source: AT Protocol spec "DID"; W3C CCG did:web method.
 */
import type { Clock } from '../base/clock.ts';
import { ProtocolError } from '../base/errors.ts';
import { boundedFetch } from './bounded-fetch.ts';
import { parseDidDocument, type DidDocument } from './did-document.ts';
import { isReservedHost, parseHandle } from './handle-syntax.ts';

/** Largest DID document that is read, in bytes. Ours: the did:plc directory's are below 16 kB. */
export const maxDidDocumentBytes = 65_536;

const localhostSyntax = /^did:web:localhost(?:%3[Aa](\d{1,5}))?$/;

/** Gives the address of a did:web's document, null when the DID has none. `localhost` counts only when insecure. */
export function didWebUrl(did: string, allowInsecure = false): string | null {
  const local = localhostSyntax.exec(did);
  if (local) {
    const port = local[1] === undefined ? '' : `:${Number(local[1])}`;
    return allowInsecure && Number(local[1] ?? 0) <= 65_535 ? `http://localhost${port}/.well-known/did.json` : null;
  }
  const host = did.startsWith('did:web:') ? parseHandle(did.slice('did:web:'.length)) : null;
  return host === null || isReservedHost(host) ? null : `https://${host}/.well-known/did.json`;
}

/** Gives the did:web of a host name with an optional port (`pds.example.com`, `localhost:2583`). */
export function didWebOf(host: string): string {
  return `did:web:${host.replace(':', '%3A')}`;
}

/**
 * Fetches the document of a did:web; null when the host answers that it has none, redirects or serves anything else.
 * @throws ProtocolError IdentityUnavailable when the host cannot be reached, is in trouble (5xx, 429) or too slow
 */
export async function fetchDidWeb(
  did: string,
  o: { fetch: typeof globalThis.fetch; clock: Clock; timeoutMs: number; allowInsecure: boolean; signal?: AbortSignal },
): Promise<DidDocument | null> {
  const url = didWebUrl(did, o.allowInsecure);
  if (url === null) return null;
  const answer = await boundedFetch({ url, fetch: o.fetch, clock: o.clock, timeoutMs: o.timeoutMs, signal: o.signal,
    maxBytes: maxDidDocumentBytes, accept: 'application/did+ld+json, application/json' });
  if (answer.status >= 500 || answer.status === 429) {
    throw new ProtocolError('IdentityUnavailable', `did:web host is in trouble: did=${did} status=${answer.status}`);
  }
  if (answer.status !== 200 || answer.text === null) return null;
  try {
    return parseDidDocument(did, JSON.parse(answer.text));
  } catch {
    return null;
  }
}
