/**
 * What clients publish of themselves, metadata and keys, as the provider asks for it: bounded one by one, and all that is remembered
 * together, since anybody may be a client. Not for where it may come from: the fetch handed in is guarded.
 * Source: ours; the bound of one is the provider's own, whose fetch ours stands in for.
 */
import { LRUCache } from 'lru-cache';

/** Largest document, in bytes. */
export const maxDocumentBytes = 524_288;

/** Most documents that are asked for at once; one more takes the place of that which has been waited for longest: a host that never answers keeps nobody out. */
export const maxDocumentsAtOnce = 64;

/** What of documents is remembered: so many, of so much JSON together in characters, for so long in ms. */
export const documentCache = { max: 500, maxSize: 16_777_216, ttl: 600_000 } as const;

/** A cache as the provider asks for it. */
export interface DocumentCache<V> {
  get(key: string): V | undefined;
  set(key: string, value: V): void;
  del(key: string): void;
}

/** Makes a cache; a document that alone is too large is not remembered. */
export function createDocumentCache<V extends object>(): DocumentCache<V> {
  const held = new LRUCache<string, V>({ ...documentCache, sizeCalculation: (value, key) => JSON.stringify(value).length + key.length });
  return {
    get: (key) => held.get(key),
    set: (key, value) => void held.set(key, value),
    del: (key) => void held.delete(key),
  };
}

/** Gives a fetch that takes whole Request objects, as the provider hands them, and fails with TypeError when an answer is too large or its place was needed. */
export function documentFetch(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  const underWay = new Set<AbortController>();
  return async (input, init) => {
    const [oldest] = underWay;
    if (oldest !== undefined && underWay.size >= maxDocumentsAtOnce) {
      underWay.delete(oldest);
      oldest.abort(new TypeError(`too many documents of clients are asked for at once: max=${maxDocumentsAtOnce}`));
    }
    const { url, ...given } = input instanceof Request ? { url: input.url, method: input.method, headers: input.headers, signal: input.signal, redirect: input.redirect } : { url: input };
    const abort = new AbortController();
    underWay.add(abort);
    try {
      const asked: RequestInit = { ...given, ...init };
      const answer = await fetch(url, { ...asked, signal: asked.signal ? AbortSignal.any([abort.signal, asked.signal]) : abort.signal });
      const { status, statusText, headers } = answer;
      return new Response(status === 204 || status === 304 ? null : await read(answer), { status, statusText, headers });
    } finally {
      underWay.delete(abort);
    }
  };
}

async function read(answer: Response): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length;
    if (bytes > maxDocumentBytes) throw new TypeError(`document of a client is too large: max=${maxDocumentBytes} bytes`);
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}
