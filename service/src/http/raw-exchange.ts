/**
 * One HTTP exchange with another server whose bytes pass through as they are: nothing is unpacked, no redirect is followed.
 * For passing calls on, and for stores of files. Guarded like guarded-fetch: public addresses only unless told, pinned after resolution, time and bytes bounded.
 * Not for calls whose answers this server reads: use a fetch. Source: ours; undici does the HTTP.
 */
import type { Readable } from 'node:stream';
import type { Agent } from 'undici';
import { checkDialTarget, guardedLookup, type GuardOptions } from './public-address.ts';

/** Bounds of exchanges. */
export interface RawExchangeOptions extends GuardOptions {
  /** Time until the head of the answer is there, in ms; default 10,000. */
  readonly headersTimeoutMs?: number;
  /** Longest pause within the body of the answer, in ms; default 30,000. */
  readonly bodyTimeoutMs?: number;
  /** Largest answer as sent, in bytes; reading further fails. Default 10 MiB. */
  readonly maxBytes?: number;
  /** Most sockets to one origin; default 64. */
  readonly maxSocketsPerOrigin?: number;
}

/** What is sent. */
export interface RawRequest {
  /** Scheme, host and port, without a slash at the end. */
  readonly origin: string;
  /** Path with query, as it is to be sent. */
  readonly path: string;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readable | null;
  readonly signal?: AbortSignal;
}

/** What came back; the body must be read or destroyed. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Readable;
}

/** Makes exchanges, and ends them all. */
export interface RawExchange {
  /** Sends a request and resolves with the head of its answer. @throws RefusedAddressError, or what the connection fails with */
  (request: RawRequest): Promise<RawAnswer>;
  close(): Promise<void>;
}

/** Makes the exchange. */
export function createRawExchange(o: RawExchangeOptions = {}): RawExchange {
  const headersTimeout = o.headersTimeoutMs ?? 10_000;
  let loading: Promise<Agent> | null = null;
  // Loaded with the first exchange: a server that passes nothing on does without it.
  const load = async (): Promise<Agent> => {
    const undici = await import('undici');
    return new undici.Agent({
      connect: { lookup: guardedLookup(o), timeout: headersTimeout },
      connections: o.maxSocketsPerOrigin ?? 64,
      keepAliveTimeout: 4_000,
      maxHeaderSize: 16_384,
      headersTimeout,
      bodyTimeout: o.bodyTimeoutMs ?? 30_000,
      maxResponseSize: o.maxBytes ?? 10_485_760,
    });
  };
  const schemes = o.allowPrivate ? ['https', 'http'] : ['https'];
  const exchange = async ({ origin, path, method, headers, body, signal }: RawRequest): Promise<RawAnswer> => {
    checkDialTarget(new URL(origin), { ...o, schemes });
    const agent = await (loading ??= load());
    const answer = await agent.request({ origin, path, method, headers, body, ...(signal && { signal }) });
    // Somebody may give the body up; without this its fault would be nobody's and end the process.
    answer.body.on('error', () => undefined);
    return { status: answer.statusCode, headers: answer.headers, body: answer.body };
  };
  return Object.assign(exchange, { close: async () => await (await loading)?.destroy() });
}
