/**
 * Asks the app view, in an account's name, for what this server needs itself to complete answers: quoted posts, lists and feeds, the
 * thread above a post, who runs a feed. What cannot be had is left out; nobody's call fails by it.
 * Not for passing calls on (`forward.ts`). Source: behaviour of the reference PDS.
 */
import { AtUri } from '@atproto/syntax';
import { xrpcGet, type CallParams } from '@dunlin/service/xrpc/call';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { Account } from '../account/account.ts';
import type { Forwarder } from './forward.ts';
import type { JsonRecord } from './local-records.ts';
import { isObject } from './post-view.ts';
import type { ProxyTarget } from './proxy-target.ts';

/** Longest wait for one of these answers, in ms. */
const timeoutMs = 5_000;

/** Asks the app view. */
export class AppViewReader {
  readonly #appView: ProxyTarget | null;
  readonly #forwarder: Forwarder;
  readonly #fetch: typeof globalThis.fetch;

  /** `fetch` reaches the operator's app view; without an app view everything is left out. */
  constructor(o: { appView: ProxyTarget | null; forwarder: Forwarder; fetch: typeof globalThis.fetch }) {
    this.#appView = o.appView;
    this.#forwarder = o.forwarder;
    this.#fetch = o.fetch;
  }

  /** Gives the views of quoted records by URI, as far as the app view has them. */
  async quoted(account: Account, uris: readonly string[]): Promise<Map<string, JsonRecord>> {
    const views = await Promise.all(uris.map(async (uri) => [uri, await this.#quoted(account, uri)] as const));
    return new Map(views.filter((entry): entry is [string, JsonRecord] => entry[1] !== null));
  }

  /** Gives the thread that ends with a post, or null. */
  async thread(account: Account, uri: string, parentHeight: string | null): Promise<unknown> {
    const answer = await this.#ask(account, 'app.bsky.feed.getPostThread', { uri, depth: 0, ...(parentHeight !== null && { parentHeight }) });
    return answer?.['thread'] ?? null;
  }

  /** Gives the DID of the service that runs a feed, or null. */
  async feedService(feedUri: string): Promise<string | null> {
    const { host, collection, rkey } = new AtUri(feedUri);
    const answer = await this.#ask(null, 'com.atproto.repo.getRecord', { repo: host, collection, rkey });
    const value = answer?.['value'];
    return isObject(value) && typeof value['did'] === 'string' ? value['did'] : null;
  }

  async #quoted(account: Account, uri: string): Promise<JsonRecord | null> {
    switch (collectionOf(uri)) {
      case 'app.bsky.feed.post': {
        const answer = await this.#ask(account, 'app.bsky.feed.getPosts', { uris: [uri] });
        const posts = answer?.['posts'];
        return Array.isArray(posts) && isObject(posts[0]) ? quotedPost(posts[0]) : null;
      }
      case 'app.bsky.feed.generator': {
        const view = (await this.#ask(account, 'app.bsky.feed.getFeedGenerator', { feed: uri }))?.['view'];
        return isObject(view) ? { ...view, $type: 'app.bsky.feed.defs#generatorView' } : null;
      }
      case 'app.bsky.graph.list': {
        const list = (await this.#ask(account, 'app.bsky.graph.getList', { list: uri, limit: 1 }))?.['list'];
        return isObject(list) ? { ...list, $type: 'app.bsky.graph.defs#listView' } : null;
      }
      default:
        return null;
    }
  }

  async #ask(account: Account | null, nsid: string, params: CallParams): Promise<JsonRecord | null> {
    if (this.#appView === null) return null;
    const { did, origin } = this.#appView;
    const headers = account === null ? {} : this.#forwarder.authorization({ account, audience: did, lxm: nsid });
    try {
      const answer = await xrpcGet(nsid, params, { fetch: this.#fetch, service: origin, headers, timeoutMs });
      return isObject(answer) ? answer : null;
    } catch (fault) {
      if (fault instanceof XrpcError) return null;
      throw fault;
    }
  }
}

function quotedPost({ uri, cid, author, record, labels, embed, indexedAt }: JsonRecord): JsonRecord {
  return {
    $type: 'app.bsky.embed.record#viewRecord', uri, cid, author, value: record, indexedAt,
    ...(labels !== undefined && { labels }), ...(embed !== undefined && { embeds: [embed] }),
  };
}

function collectionOf(uri: string): string | null {
  try {
    return new AtUri(uri).collection;
  } catch {
    return null;
  }
}
