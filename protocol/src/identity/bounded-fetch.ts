/**
 * One request to somebody else's server with a deadline over everything and a bound on the body.
 * Not for keeping requests off private addresses: the `fetch` handed in is the caller's guard.
 * Network faults become ProtocolError IdentityUnavailable; every answer of a server is returned.
 * Source: ours; the two bounds are what keeps a slow or endless body from holding a look-up.
 */
import { isUtf8 } from 'node:buffer';
import { concatBytes } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { ProtocolError } from '../base/errors.ts';

/** A request and its bounds. */
export interface BoundedRequest {
  readonly url: string;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  /** Deadline for connection, headers and body together. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
  readonly redirect?: 'follow' | 'manual';
  readonly accept?: string;
  /** A JSON text to POST; without it the request is a GET. */
  readonly json?: string;
}

/** An answer. `text` is null when the body is longer than allowed or is not UTF-8. */
export interface BoundedAnswer {
  readonly status: number;
  readonly text: string | null;
}

/**
 * Runs work that must end in time: its signal aborts at the deadline or with the caller's, and waiting ends even
 * when the work pays no heed.
 * @throws ProtocolError IdentityUnavailable at the deadline; the reason of the caller's signal when that aborts
 */
export async function withDeadline<T>(
  o: { clock: Clock; timeoutMs: number; what: string; signal?: AbortSignal | undefined },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  o.signal?.throwIfAborted();
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(o.signal?.reason);
  o.signal?.addEventListener('abort', onAbort, { once: true });
  const timer = o.clock.after(o.timeoutMs, () => controller.abort(
    new ProtocolError('IdentityUnavailable', `no answer in time: ${o.what} timeoutMs=${o.timeoutMs}`)), { unref: true });
  try {
    return await Promise.race([work(controller.signal), rejectionOf(controller.signal)]);
  } finally {
    timer.cancel();
    o.signal?.removeEventListener('abort', onAbort);
  }
}

function rejectionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/**
 * Makes one request. The body of a status other than 2xx is read too, for its message.
 * @throws ProtocolError IdentityUnavailable when no whole answer came; the reason of `signal` when that aborts
 */
export async function boundedFetch(request: BoundedRequest): Promise<BoundedAnswer> {
  const { url, clock, timeoutMs, signal } = request;
  return withDeadline({ clock, timeoutMs, what: url, signal }, async (inner) => {
    try {
      const response = await request.fetch(url, requestInit(request, inner));
      return { status: response.status, text: await readText(response, request.maxBytes, inner) };
    } catch (error) {
      if (inner.aborted) throw inner.reason;
      throw new ProtocolError('IdentityUnavailable', `request failed: ${url} reason=${reasonOf(error)}`, { cause: error });
    }
  });
}

function requestInit(request: BoundedRequest, signal: AbortSignal): RequestInit {
  const headers: Record<string, string> = { accept: request.accept ?? 'application/json' };
  if (request.json === undefined) return { method: 'GET', headers, redirect: request.redirect ?? 'manual', signal };
  headers['content-type'] = 'application/json';
  return { method: 'POST', headers, body: request.json, redirect: 'manual', signal };
}

async function readText(response: Response, maxBytes: number, signal: AbortSignal): Promise<string | null> {
  if (!response.body) return '';
  const reader = response.body.getReader();
  const stop = (): void => void reader.cancel().catch(() => undefined);
  signal.addEventListener('abort', stop, { once: true });
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      length += chunk.value.byteLength;
      if (length > maxBytes) {
        stop();
        return null;
      }
      chunks.push(chunk.value);
    }
  } finally {
    signal.removeEventListener('abort', stop);
  }
  signal.throwIfAborted();
  const bytes = concatBytes(chunks);
  return isUtf8(bytes) ? new TextDecoder().decode(bytes) : null;
}

/** Most causes behind an error that are followed. Ours: fetch, agent and socket make three. */
const maxCauses = 6;

/** Gives the code of the network error at the bottom of an error (`ENOTFOUND`, `ECONNREFUSED`), else the error's name. */
export function reasonOf(error: unknown): string {
  let reason = error instanceof Error ? error.name : 'unknown';
  let current = error;
  for (let depth = 0; depth < maxCauses && current instanceof Error; depth++) {
    if (!(current instanceof ProtocolError) && 'code' in current && typeof current.code === 'string') reason = current.code;
    current = current.cause;
  }
  return reason;
}
