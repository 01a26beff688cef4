/**
 * Calls XRPC methods of other services: time and bytes bounded, answers checked as far as asked, faults as XrpcError.
 * Takes the fetch to use, so that the caller decides how far it may reach (guarded for addresses others chose).
 * Not for retries: whoever calls knows whether to. Source: AT Protocol spec "HTTP API (XRPC)".
 */
import { systemClock, type Clock } from '@dunlin/protocol/base/clock';
import { XrpcError } from './errors.ts';

/** How a call is made. */
export interface CallOptions {
  readonly fetch: typeof globalThis.fetch;
  /** Base URL of the service, such as https://pds.example. */
  readonly service: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Time for the whole exchange, in ms; default 10,000. */
  readonly timeoutMs?: number;
  /** Largest answer, in bytes; default 5,242,880. */
  readonly maxBytes?: number;
  readonly clock?: Clock;
}

/** Query parameters; a list becomes a repeated key, undefined is left out. */
export type CallParams = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/**
 * Calls a query and gives its parsed JSON; the caller narrows it.
 * @throws XrpcError with the service's own status and error name, or 502 UpstreamFailure when it does not answer properly
 */
export function xrpcGet(nsid: string, params: CallParams, o: CallOptions): Promise<unknown> {
  const url = new URL(`/xrpc/${nsid}`, o.service);
  for (const [name, value] of Object.entries(params)) {
    if (value !== undefined) for (const each of [value].flat()) url.searchParams.append(name, String(each));
  }
  return call(url, { method: 'GET' }, o);
}

/**
 * Calls a procedure and gives its parsed JSON, or null when the answer is empty; `input` undefined sends no body.
 * @throws XrpcError as xrpcGet
 */
export function xrpcPost(nsid: string, input: unknown, o: CallOptions): Promise<unknown> {
  const url = new URL(`/xrpc/${nsid}`, o.service);
  if (input === undefined) return call(url, { method: 'POST' }, o);
  return call(url, { method: 'POST', body: JSON.stringify(input), headers: { 'content-type': 'application/json' } }, o);
}

async function call(url: URL, init: { method: string; body?: string; headers?: Record<string, string> }, o: CallOptions): Promise<unknown> {
  const abort = new AbortController();
  const timer = (o.clock ?? systemClock).after(o.timeoutMs ?? 10_000, () => abort.abort(), { unref: true });
  try {
    const signal = o.signal ? AbortSignal.any([abort.signal, o.signal]) : abort.signal;
    const response = await o.fetch(url, { ...init, headers: { accept: 'application/json', ...init.headers, ...o.headers }, signal });
    const text = await readText(response, o.maxBytes ?? 5_242_880);
    if (response.ok) return text === '' ? null : parse(text, url);
    throw errorOf(response, text);
  } catch (error) {
    if (error instanceof XrpcError) throw error;
    if (o.signal?.aborted) throw o.signal.reason;
    throw new XrpcError(502, 'UpstreamFailure', `service does not answer: host=${url.host}`, {}, { cause: error });
  } finally {
    timer.cancel();
  }
}

async function readText(response: Response, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new XrpcError(502, 'UpstreamFailure', `answer is too large: max=${maxBytes}`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string, url: URL): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new XrpcError(502, 'UpstreamFailure', `answer is not JSON: host=${url.host}`);
  }
}

/** Longest message of another service that is passed on, in characters. */
const maxMessageLength = 500;

function errorOf(response: Response, text: string): XrpcError {
  let error = 'UpstreamFailure';
  let message = `service answered ${response.status}`;
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === 'object' && json !== null) {
      if ('error' in json && typeof json.error === 'string') error = json.error.slice(0, 100);
      if ('message' in json && typeof json.message === 'string') message = json.message.slice(0, maxMessageLength);
    }
  } catch {
    // An error page of a proxy: its status is all there is to tell.
  }
  const status = response.status >= 400 ? response.status : 502;
  const retryAfter = response.headers.get('retry-after');
  return new XrpcError(status, error, message, retryAfter === null ? {} : { 'retry-after': retryAfter });
}
