/**
 * Who is there to be fetched: the accounts that a relay or PDS lists, all of them or those with records of a collection.
 * Not for: fetching them (see resync.ts) or for what the list says of their revs.
 * Place in the flow: handed to `continuity.accounts`; read as fast as the ledger takes it.
 * Rules: a page that does not come is asked for again until it does; a refusal, or a list that goes in circles, ends the run.
 * Source: lexicons com.atproto.sync.listRepos and listReposByCollection.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { isDid } from '@dunlin/protocol/repo/envelope';
import { Backoff } from './backoff.ts';
import { FirehoseError } from './errors.ts';
import { readErrorName, readJson, retryMsOf } from './http-answer.ts';
import { subscriptionUrl } from './service-url.ts';

/** Gives DIDs, when a consumer asks, with its own means. */
export type AccountSource = (parts: AccountSourceParts) => AsyncIterable<string>;

/** A consumer's means, lent to a source. */
export interface AccountSourceParts {
  readonly fetch: typeof globalThis.fetch;
  readonly clock: Clock;
  /** Hears of each failure that is tried again: the notice `listFailed`. */
  readonly onFailed: (reason: string) => void;
  readonly signal: AbortSignal;
}

/** Whose list is read. */
export interface AccountListOptions {
  /** A relay or PDS, written as for `service` of the consumer. */
  service: string;
  /** Only accounts with records of this collection, by `listReposByCollection`, which not every server has. */
  collection?: string;
  /** The least time between two pages, in ms (200). */
  intervalMs?: number;
}

const perPage = 1_000;
const maxCursorCharacters = 4_096;
const maxPageBytes = 4_194_304;
const pageTimeoutMs = 60_000;

/**
 * Gives the accounts of a server's list that are active, for `continuity.accounts`.
 * @throws FirehoseError InvalidOption when `service` is no usable address
 */
export function listedAccounts(options: AccountListOptions): AccountSource {
  const url = subscriptionUrl(options.service, '/');
  const origin = `${url.protocol === 'wss:' ? 'https:' : 'http:'}//${url.host}`;
  const { collection, intervalMs = 200 } = options;
  const method = collection === undefined ? 'listRepos' : 'listReposByCollection';
  return async function* accounts(parts) {
    const { clock, signal } = parts;
    let cursor: string | null = null;
    // A circle of any length comes back to the cursor of its page 1, 2, 4, 8 …
    let former: string | null = null;
    for (let count = 1, nextFormer = 1; count === 1 || cursor !== null; count++) {
      const query = new URLSearchParams({ limit: String(perPage), ...(collection !== undefined && { collection }), ...(cursor !== null && { cursor }) });
      const page = await pageOf(`${origin}/xrpc/com.atproto.sync.${method}?${query.toString()}`, parts);
      if (page.cursor !== null && page.cursor === former) throw new FirehoseError('Listing', `the list goes in circles: ${method} of ${origin}`);
      yield* page.dids;
      cursor = page.cursor;
      if (count === nextFormer) [former, nextFormer] = [cursor, nextFormer * 2];
      if (cursor !== null) await clock.sleep(intervalMs, signal);
    }
  };
}

interface Page {
  readonly dids: readonly string[];
  readonly cursor: string | null;
}

/** Asks until an answer comes. @throws FirehoseError Listing when it is a no; the signal's reason */
async function pageOf(url: string, { fetch, clock, onFailed, signal }: AccountSourceParts): Promise<Page> {
  const backoff = new Backoff({ minMs: 1_000, maxMs: 60_000 });
  for (;;) {
    const answer = await ask(url, fetch, clock, signal);
    if ('dids' in answer) return answer;
    onFailed(answer.reason);
    await clock.sleep(Math.max(backoff.nextMs(), answer.retryMs), signal);
  }
}

async function ask(url: string, fetch: typeof globalThis.fetch, clock: Clock, signal: AbortSignal): Promise<Page | { readonly reason: string; readonly retryMs: number }> {
  const stop = new AbortController();
  const timer = clock.after(pageTimeoutMs, () => stop.abort(new Error(`no answer in time: timeoutMs=${pageTimeoutMs}`)), { unref: true });
  try {
    const response = await fetch(url, { headers: { accept: 'application/json' }, redirect: 'manual', signal: AbortSignal.any([signal, stop.signal]) });
    if (response.ok) return readPage(await readJson(response, maxPageBytes)) ?? { reason: `no list of at most ${maxPageBytes} bytes`, retryMs: 0 };
    const retryMs = retryMsOf(response) ?? 0;
    const error = await readErrorName(response);
    const reason = `http ${response.status}${error === null ? '' : ` ${error}`}`;
    // A server that has no such method says 501, and will tomorrow.
    if (response.status === 429 || (response.status >= 500 && response.status !== 501)) return { reason, retryMs };
    throw new FirehoseError('Listing', `the list was refused: ${reason} ${new URL(url).origin}`);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof FirehoseError) throw error;
    return { reason: reasonOf(error), retryMs: 0 };
  } finally {
    timer.cancel();
  }
}

/** The global fetch says what went wrong in its cause only. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== '' ? `${error.message}: ${error.cause.message}` : error.message;
}

/** Gives the accounts of a page; null when it is none. */
function readPage(body: unknown): Page | null {
  const { repos, cursor } = (typeof body === 'object' && body !== null ? body : {}) as { repos?: unknown; cursor?: unknown };
  if (!Array.isArray(repos)) return null;
  const isEnd = cursor === undefined || cursor === null || cursor === '';
  // A list must not end because its cursor cannot be used: who stands behind it would be missed.
  if (!isEnd && (typeof cursor !== 'string' || cursor.length > maxCursorCharacters)) throw new FirehoseError('Listing', `the list goes on at no usable cursor: max=${maxCursorCharacters} characters`);
  const dids = repos.slice(0, perPage).flatMap((repo) => {
    const { did, active } = (typeof repo === 'object' && repo !== null ? repo : {}) as { did?: unknown; active?: unknown };
    return typeof did === 'string' && isDid(did) && active !== false ? [did] : [];
  });
  return { dids, cursor: isEnd ? null : cursor as string };
}
