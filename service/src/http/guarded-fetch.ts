/**
 * A fetch for addresses that others chose (PDS hosts, handles, did:web, blobs): public https only, within time and bytes.
 * Every hop of a redirect is judged again; each name is resolved once and the socket gets just those addresses.
 * Not for services of our own config that may be private: make one with allowPrivate. Source: ours; undici does the HTTP.
 */
import type { Agent, fetch as UndiciFetch, Headers as UndiciHeaders, RequestInit as UndiciRequestInit, Response as UndiciResponse } from 'undici';
import { systemClock, type Clock } from '@dunlin/protocol/base/clock';
import { version } from '../config/version.ts';
import { checkDialTarget, guardedLookup, type GuardOptions } from './public-address.ts';

/** Bounds of a guarded fetch. */
export interface GuardedFetchOptions extends GuardOptions {
  /** Largest body of an answer, unpacked, in bytes; reading further fails. Default 10 MiB. */
  readonly maxBytes?: number;
  /** Time for the whole exchange with redirects and body, in ms. Default 10,000. */
  readonly timeoutMs?: number;
  /** Most redirects that are followed; default 5. */
  readonly maxRedirects?: number;
  /** Most sockets to one origin; default 32. */
  readonly maxSocketsPerOrigin?: number;
  readonly clock?: Clock;
}

/** The fetch, and its end. */
export type GuardedFetch = typeof globalThis.fetch & { close(): Promise<void> };

/** An answer has more bytes than it may have. */
export class AnswerTooLargeError extends TypeError {}

/** Names of headers that must not follow a redirect to another origin. */
const ownOriginHeaders = ['authorization', 'cookie', 'proxy-authorization', 'dpop', 'atproto-proxy'];

/** Its own Headers and Response too: to touch the global ones loads the copy of undici inside Node, 4 MB more. */
interface Undici {
  readonly fetch: typeof UndiciFetch;
  readonly Headers: typeof UndiciHeaders;
  readonly Response: typeof UndiciResponse;
}

interface Settings {
  /** undici is loaded with the first request: a server that asks nobody does without it. */
  readonly dispatcher: () => Promise<{ agent: Agent; undici: Undici }>;
  readonly clock: Clock;
  readonly guard: GuardOptions & { readonly schemes: readonly string[] };
  readonly maxBytes: number;
  readonly timeoutMs: number;
  readonly maxRedirects: number;
}

/** Makes the fetch. It takes what `fetch` takes (a URL, not a Request object) and fails with TypeError, RefusedAddressError or the signal's reason. */
export function createGuardedFetch(o: GuardedFetchOptions = {}): GuardedFetch {
  const timeoutMs = o.timeoutMs ?? 10_000;
  let loading: ReturnType<Settings['dispatcher']> | null = null;
  const load: Settings['dispatcher'] = async () => {
    const undici = await import('undici');
    const agent = new undici.Agent({
      connect: { lookup: guardedLookup(o), timeout: timeoutMs },
      connections: o.maxSocketsPerOrigin ?? 32,
      keepAliveTimeout: 4_000,
      maxHeaderSize: 16_384,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
    return { agent, undici };
  };
  const settings: Settings = {
    dispatcher: () => (loading ??= load()),
    clock: o.clock ?? systemClock,
    guard: { ...o, schemes: o.allowPrivate ? ['https', 'http'] : ['https'] },
    maxBytes: o.maxBytes ?? 10_485_760,
    timeoutMs,
    maxRedirects: o.maxRedirects ?? 5,
  };
  const guarded = (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    if (typeof input !== 'string' && !(input instanceof URL)) return Promise.reject(new TypeError('guarded fetch takes a URL'));
    return exchange(new URL(input), init, settings);
  };
  return Object.assign(guarded, { close: async () => await (await loading)?.agent.destroy() });
}

async function exchange(url: URL, init: RequestInit, settings: Settings): Promise<Response> {
  const abort = new AbortController();
  const timer = settings.clock.after(settings.timeoutMs, () => abort.abort(new DOMException(`no complete answer within ${settings.timeoutMs} ms`, 'TimeoutError')), { unref: true });
  const signal = init.signal ? AbortSignal.any([abort.signal, init.signal]) : abort.signal;
  try {
    checkDialTarget(url, settings.guard);
    const { agent, undici } = await settings.dispatcher();
    const { response, finalUrl, hops } = await follow(url, { ...init, signal }, { agent, undici, settings });
    return boundAnswer(response, finalUrl, { undici, wasRedirected: hops > 0, maxBytes: settings.maxBytes, onEnd: () => timer.cancel() });
  } catch (error) {
    timer.cancel();
    throw unwrap(error);
  }
}

async function follow(url: URL, init: RequestInit, { agent, undici, settings }: { agent: Agent; undici: Undici; settings: Settings }): Promise<{ response: UndiciResponse; finalUrl: URL; hops: number }> {
  const headers = new undici.Headers(init.headers as UndiciRequestInit['headers']);
  if (!headers.has('user-agent')) headers.set('user-agent', `dunlin/${version}`);
  let hop = { url, method: init.method ?? 'GET', body: init.body ?? null };
  for (let hops = 0; ; hops++) {
    checkDialTarget(hop.url, settings.guard);
    // The global and undici's own types differ in name only.
    const request = { method: hop.method, headers: [...headers], body: hop.body, signal: init.signal, redirect: 'manual', dispatcher: agent, ...(hop.body !== null && { duplex: 'half' }) } as UndiciRequestInit;
    const response = await undici.fetch(hop.url, request);
    const location = response.headers.get('location');
    if (response.status < 301 || response.status > 308 || location === null || init.redirect === 'manual' || ![301, 302, 303, 307, 308].includes(response.status)) return { response, finalUrl: hop.url, hops };
    await response.body?.cancel();
    if (init.redirect === 'error') throw new TypeError('redirect was not expected');
    if (hops >= settings.maxRedirects) throw new TypeError(`too many redirects: max=${settings.maxRedirects}`);
    hop = nextHop(hop, response.status, location, headers);
  }
}

function nextHop(hop: { url: URL; method: string; body: RequestInit['body'] }, status: number, location: string, headers: { delete(name: string): void }): { url: URL; method: string; body: NonNullable<RequestInit['body']> | null } {
  if (!URL.canParse(location, hop.url.href)) throw new TypeError('redirect leads nowhere');
  const url = new URL(location, hop.url);
  if (url.origin !== hop.url.origin) for (const name of ownOriginHeaders) headers.delete(name);
  const isGetNow = status === 303 ? hop.method !== 'HEAD' : (status === 301 || status === 302) && hop.method === 'POST';
  if (isGetNow) {
    for (const name of ['content-type', 'content-length', 'content-encoding']) headers.delete(name);
    return { url, method: 'GET', body: null };
  }
  if (hop.body instanceof ReadableStream) throw new TypeError('a streamed body cannot be sent again after a redirect');
  return { url, method: hop.method, body: hop.body ?? null };
}

/** Gives the answer with its body counted; `onEnd` is called once when the body ended, failed or was given up. */
function boundAnswer(response: UndiciResponse, finalUrl: URL, { undici, wasRedirected, maxBytes, onEnd }: { undici: Undici; wasRedirected: boolean; maxBytes: number; onEnd: () => void }): Response {
  const declared = Number(response.headers.get('content-length') ?? 0);
  if (declared > maxBytes) {
    onEnd();
    void response.body?.cancel();
    throw new AnswerTooLargeError(`answer is too large: bytes=${declared} max=${maxBytes}`);
  }
  const { status, statusText } = response;
  const body = response.body === null ? null : countBody(response.body.getReader(), maxBytes, onEnd);
  if (body === null) onEnd();
  const answer = new undici.Response(body, { status, statusText, headers: [...response.headers] });
  Object.defineProperties(answer, { url: { value: finalUrl.href }, redirected: { value: wasRedirected } });
  return answer as unknown as Response;
}

function countBody(reader: { read(): Promise<{ done: boolean; value?: unknown }>; cancel(reason?: unknown): Promise<void> }, maxBytes: number, onEnd: () => void): ReadableStream<Uint8Array> {
  let countedBytes = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done || !(value instanceof Uint8Array)) {
          onEnd();
          return controller.close();
        }
        countedBytes += value.length;
        if (countedBytes <= maxBytes) return controller.enqueue(value);
        await reader.cancel();
        throw new AnswerTooLargeError(`answer is too large: more than ${maxBytes} bytes`);
      } catch (error) {
        onEnd();
        controller.error(unwrap(error));
      }
    },
    cancel(reason) {
      onEnd();
      return reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
}

/** undici hides the reason of a failed connection behind "fetch failed". */
function unwrap(error: unknown): unknown {
  return error instanceof TypeError && error.cause instanceof Error ? error.cause : error;
}
