/**
 * Who is this DID, whose is this handle: the one door to identity for every server and the SDK.
 * Not for limiting how often a DID is refreshed: a caller who refreshes on bad input keeps its own count.
 * Takes a DID or a handle. Gives a document or a DID, null when there is none; a fault is thrown, never taken for "none".
 * Source: AT Protocol specs "DID" and "Handle"; ages as in the reference PDS.
 */
import type { Clock } from '../base/clock.ts';
import { boundedFetch } from './bounded-fetch.ts';
import type { CacheAges } from './cache.ts';
import { didMethod } from './did.ts';
import type { DidDocument } from './did-document.ts';
import { fetchPlcDocument } from './did-plc.ts';
import { fetchDidWeb } from './did-web.ts';
import { lookUpHandle } from './handle.ts';
import { isTestHandle, parseHandle } from './handle-syntax.ts';
import { Lookup } from './lookup.ts';

/** Ages of DID documents. */
export const documentAges: CacheAges = { freshMs: 3_600_000, staleMs: 86_400_000, absentMs: 30_000, faultMs: 2_000 };

/** Ages of what handles name. */
export const handleAges: CacheAges = { freshMs: 600_000, staleMs: 86_400_000, absentMs: 30_000, faultMs: 2_000 };

/** Parts and bounds of a resolver. */
export interface IdentityResolverOptions {
  readonly plcUrl: string;
  /** Guards itself against private addresses where that matters; redirects are followed for handles only. */
  readonly fetch: typeof globalThis.fetch;
  readonly resolveTxt: (name: string) => Promise<string[][]>;
  readonly clock: Clock;
  /** Most documents and most handles remembered. */
  readonly maxEntries?: number;
  /** Most memory for documents, in bytes. */
  readonly maxBytes?: number;
  /** Deadline of one request. */
  readonly timeoutMs?: number;
  /** Most requests under way, for documents of each DID method and for handles. */
  readonly maxRequests?: number;
  /** Development and tests: `did:web:localhost%3APORT`, and `.test` handles vouched for by their account's server. */
  readonly allowInsecure?: boolean;
  /** Handles this server answers for itself; null passes the question on to the network. */
  readonly localHandles?: (handle: string) => Promise<string | null> | string | null;
}

/** How one caller asks. */
export interface ResolveOptions {
  /** True passes by the cache; asking so in answer to bad input needs a limit of the caller's. */
  readonly refresh?: boolean | undefined;
  /** What is remembered for longer than this does not count: a look-up anew that bad input can ask for only so often. */
  readonly maxAgeMs?: number | undefined;
  /** Ends this caller's waiting, not the request. */
  readonly signal?: AbortSignal | undefined;
}

/** Finds identities and remembers them. */
export interface IdentityResolver {
  /** Gives the document; null for a DID that is unknown, tombstoned, malformed or of a method that is not used here. @throws ProtocolError IdentityUnavailable */
  resolveDid(did: string, options?: ResolveOptions): Promise<DidDocument | null>;
  /** Gives the DID a handle names, without the way back; null when it names nobody. @throws ProtocolError IdentityUnavailable */
  resolveHandle(handle: string, options?: ResolveOptions): Promise<string | null>;
  /** Gives the handle a DID claims, when that names the DID; null otherwise. @throws ProtocolError IdentityUnavailable */
  verifiedHandle(did: string, options?: ResolveOptions): Promise<string | null>;
  /** Forgets a DID, for example after an #identity event. */
  invalidate(did: string): void;
  /** Forgets what a handle names. */
  invalidateHandle(handle: string): void;
  /** Remembers a document that is known to be current. */
  put(document: DidDocument): void;
}

const encoder = new TextEncoder();

/** Reckons the memory of a document: its JSON and what was read out of it. */
function documentSize(document: DidDocument): number {
  return 1_000 + 3 * encoder.encode(JSON.stringify(document.raw)).length;
}

/** Makes a resolver. Nothing runs in the background but a stale entry's look-up, behind the caller who found it stale. */
export function createIdentityResolver(o: IdentityResolverOptions): IdentityResolver {
  const { fetch, clock, plcUrl, timeoutMs = 5_000, allowInsecure = false, maxEntries = 200_000, maxRequests: maxFlights = 512 } = o;
  const documents = new Lookup<DidDocument>({
    find: (did) => didMethod(did) === 'plc'
      ? fetchPlcDocument({ plcUrl, fetch, clock, timeoutMs }, did)
      : fetchDidWeb(did, { fetch, clock, timeoutMs, allowInsecure }),
    sizeOf: documentSize, clock, ages: documentAges, maxEntries, maxBytes: o.maxBytes ?? 256_000_000, maxFlights,
    // Anybody can make did:web hosts that never answer; they keep nobody from the directory.
    kindOf: (did) => didMethod(did) ?? '',
  });
  const handles = new Lookup<string>({
    find: (handle) => lookUpHandle(handle, { fetch, resolveTxt: o.resolveTxt, clock, timeoutMs, allowInsecure }),
    sizeOf: (did) => did.length * 2, clock, ages: handleAges, maxEntries, maxBytes: maxEntries * 1_000, maxFlights,
  });

  // Development only: `.test` names are in no DNS, so the account's own server is asked.
  const vouchers = new Lookup<string>({
    find: (url) => askForHandle(url, { fetch, clock, timeoutMs }),
    sizeOf: (did) => did.length * 2, clock, ages: handleAges, maxEntries: 10_000, maxBytes: 10_000_000, maxFlights,
  });

  const resolveDid = async (did: string, options: ResolveOptions = {}): Promise<DidDocument | null> =>
    didMethod(did) === null ? null : documents.get(did, options);

  const resolveHandle = async (text: string, options: ResolveOptions = {}): Promise<string | null> => {
    const handle = parseHandle(text);
    if (handle === null) return null;
    return await o.localHandles?.(handle) ?? handles.get(handle, options);
  };

  const verifiedHandle = async (did: string, options: ResolveOptions = {}): Promise<string | null> => {
    const document = await resolveDid(did, options);
    if (!document?.handle) return null;
    const { handle, pdsUrl } = document;
    const local = await o.localHandles?.(handle);
    if (local) return local === did ? handle : null;
    if (allowInsecure && isTestHandle(handle) && pdsUrl) {
      if (await vouchers.get(`${pdsUrl}/xrpc/com.atproto.identity.resolveHandle?handle=${handle}`, options) === did) return handle;
    }
    if (await handles.get(handle, options) === did) return handle;
    // The handle may have moved to this DID a moment ago: an old memory is not held against it.
    return await handles.get(handle, { ...options, maxAgeMs: handleAges.absentMs }) === did ? handle : null;
  };

  return {
    resolveDid, resolveHandle, verifiedHandle,
    invalidate: (did) => documents.invalidate(did),
    invalidateHandle: (handle) => handles.invalidate(handle.toLowerCase()),
    put: (document) => documents.put(document.did, document),
  };
}

async function askForHandle(
  url: string, o: { fetch: typeof globalThis.fetch; clock: Clock; timeoutMs: number },
): Promise<string | null> {
  const answer = await boundedFetch({ ...o, url, maxBytes: 4_096 });
  if (answer.status !== 200 || answer.text === null) return null;
  try {
    const body: unknown = JSON.parse(answer.text);
    return typeof body === 'object' && body !== null && 'did' in body && typeof body.did === 'string' ? body.did : null;
  } catch {
    return null;
  }
}
