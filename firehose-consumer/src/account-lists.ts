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
export type AccountSource = (parts: { readonly fetch: typeof globalThis.fetch; readonly clock: Clock; readonly signal: AbortSignal }) => AsyncIterable<string>;

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
  return async function* accounts({ fetch, clock, signal }) {
    let cursor: string | null = null;
    do {
      const query = new URLSearchParams({ limit: String(perPage), ...(collection !== undefined && { collection }), ...(cursor !== null && { cursor }) });
      const page = await pageOf(`${origin}/xrpc/com.atproto.sync.${method}?${query.toString()}`, { fetch, clock, signal });
      if (page.cursor !== null && page.cursor === cursor) throw new FirehoseError('Listing', `the list goes in circles: ${method} of ${origin}`);
      yield* page.dids;
      cursor = page.cursor;
      if (cursor !== null) await clock.sleep(intervalMs, signal);
    } while (cursor !== null);
  };
}

interface Page {
  readonly dids: readonly string[];
  readonly cursor: string | null;
}

/** Asks until an answer comes. @throws FirehoseError Listing when it is a no; the signal's reason */
async function pageOf(url: string, { fetch, clock, signal }: Parameters<AccountSource>[0]): Promise<Page> {
  const backoff = new Backoff({ minMs: 1_000, maxMs: 60_000 });
  for (;;) {
    const answer = await ask(url, fetch, clock, signal);
    if ('dids' in answer) return answer;
    await clock.sleep(Math.max(backoff.nextMs(), answer.retryMs), signal);
  }
}

async function ask(url: string, fetch: typeof globalThis.fetch, clock: Clock, signal: AbortSignal): Promise<Page | { readonly retryMs: number }> {
  const stop = new AbortController();
  const timer = clock.after(pageTimeoutMs, () => stop.abort(), { unref: true });
  try {
    const response = await fetch(url, { headers: { accept: 'application/json' }, redirect: 'manual', signal: AbortSignal.any([signal, stop.signal]) });
    if (response.ok) return readPage(await readJson(response, maxPageBytes)) ?? { retryMs: 0 };
    const retryMs = retryMsOf(response) ?? 0;
    const error = await readErrorName(response);
    if (response.status === 429 || response.status >= 500) return { retryMs };
    throw new FirehoseError('Listing', `the list was refused: http ${response.status}${error === null ? '' : ` ${error}`} ${new URL(url).origin}`);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof FirehoseError) throw error;
    return { retryMs: 0 };
  } finally {
    timer.cancel();
  }
}

/** Gives the accounts of a page; null when it is none. */
function readPage(body: unknown): Page | null {
  const { repos, cursor } = (typeof body === 'object' && body !== null ? body : {}) as { repos?: unknown; cursor?: unknown };
  if (!Array.isArray(repos)) return null;
  const dids = repos.slice(0, perPage).flatMap((repo) => {
    const { did, active } = (typeof repo === 'object' && repo !== null ? repo : {}) as { did?: unknown; active?: unknown };
    return typeof did === 'string' && isDid(did) && active !== false ? [did] : [];
  });
  return { dids, cursor: typeof cursor === 'string' && cursor !== '' && cursor.length <= 1_024 ? cursor : null };
}
