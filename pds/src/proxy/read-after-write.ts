/**
 * Shows people what they just wrote: answers of an app view that is behind are completed with what it has not seen of the account
 * that asks. An app view says how far it is (`atproto-repo-rev`); when nothing here is newer, its answer goes through untouched.
 * Whatever goes wrong on the way leaves the app view's own answer. The changes themselves are pure functions (`munge-*.ts`).
 * Source: behaviour of the reference PDS, whose eight methods these are; header Atproto-Upstream-Lag.
 */
import { Readable } from 'node:stream';
import { jsonToLex } from '@atproto/lexicon';
import { AtUri } from '@atproto/syntax';
import type { Clock } from '@dunlin/protocol/base/clock';
import { XrpcError } from '@dunlin/service/xrpc/errors';
import type { RawAnswer } from '@dunlin/service/http/raw-exchange';
import type { Lexicons } from '@dunlin/service/xrpc/lexicons';
import type { Account } from '../account/account.ts';
import type { AppViewReader } from './app-view-reader.ts';
import { lagMs, type JsonRecord, type LocalRecordReader, type LocalRecords } from './local-records.ts';
import { mungeActorLikes, mungeAuthorFeed, mungeTimeline, type FeedAnswer } from './munge-feeds.ts';
import { mungeProfile, mungeProfiles } from './munge-profiles.ts';
import { mungeThread, parentOf, threadOf } from './munge-thread.ts';
import { quotedUri, type ProfileView, type Viewer } from './post-view.ts';
import { holdAnswer, readAnswer } from './read-answer.ts';

type Munger = (answer: JsonRecord, local: LocalRecords, viewer: Viewer) => unknown;

const mungers: Readonly<Record<string, Munger>> = {
  'app.bsky.actor.getProfile': (answer, local, viewer) => mungeProfile(answer as ProfileView, local, viewer),
  'app.bsky.actor.getProfiles': (answer, local, viewer) => mungeProfiles(answer as { profiles: readonly ProfileView[] }, local, viewer),
  'app.bsky.feed.getActorLikes': (answer, local, viewer) => mungeActorLikes(answer as FeedAnswer, local, viewer),
  'app.bsky.feed.getAuthorFeed': (answer, local, viewer) => mungeAuthorFeed(answer as FeedAnswer, local, viewer),
  'app.bsky.feed.getPostThread': (answer, local, viewer) => mungeThread(answer as { thread: unknown }, local, viewer),
  'app.bsky.feed.getTimeline': (answer, local, viewer) => mungeTimeline(answer as FeedAnswer, local, viewer),
};

/** Largest answer that is completed, unpacked, in bytes: of a service the operator named, and of one that anybody may have put up. Each is read and checked in one go, in which nobody else is served. */
export const maxCompletedBytes = { trusted: 10_485_760, others: 1_048_576 } as const;

/** An answer of this server's making. */
export interface CompletedAnswer {
  /** JSON as it is sent. */
  readonly body: Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

/** Completes answers. */
export class ReadAfterWrite {
  readonly #local: LocalRecordReader;
  readonly #appView: AppViewReader;
  readonly #lexicons: Lexicons;
  readonly #clock: Clock;
  readonly #imageUrl: (kind: string, did: string, cid: string) => string;

  constructor(o: { local: LocalRecordReader; appView: AppViewReader; lexicons: Lexicons; clock: Clock; imageUrl: (kind: string, did: string, cid: string) => string }) {
    this.#local = o.local;
    this.#appView = o.appView;
    this.#lexicons = o.lexicons;
    this.#clock = o.clock;
    this.#imageUrl = o.imageUrl;
  }

  /** Tells whether answers of a method are completed. */
  concerns(nsid: string): boolean {
    return Object.hasOwn(mungers, nsid);
  }

  /** Completes an answer, or gives one that goes through as it came: when there is nothing to add, it is too large, or cannot be read. @throws XrpcError 502 when it is cut short */
  async complete(nsid: string, account: Account, answer: RawAnswer, { isTrusted }: { isTrusted: boolean }): Promise<CompletedAnswer | RawAnswer> {
    const maxBytes = isTrusted ? maxCompletedBytes.trusted : maxCompletedBytes.others;
    const rev = headerOf(answer, 'atproto-repo-rev');
    if (rev === null || !isJson(answer) || Number(headerOf(answer, 'content-length') ?? 0) > maxBytes) return answer;
    const local = this.#local.since(account, rev);
    if (local === null) return answer;
    const { answer: asItCame, held } = await holdAnswer(answer, maxBytes).catch((fault: unknown) => {
      throw new XrpcError(502, 'UpstreamFailure', 'Upstream service gave an answer that cannot be read', {}, { cause: fault });
    });
    const bytes = held && (await readAnswer({ ...answer, body: Readable.from(held, { objectMode: false }) }, maxBytes).catch(() => null));
    const changed = bytes && (await this.#munge(nsid, account, bytes, local));
    return changed === null ? asItCame : this.#completed(changed, local);
  }

  /** Builds the thread of a post that the app view does not know, when it is a new one of the account; null otherwise. */
  async completeMissingThread(account: Account, params: URLSearchParams, rev: string): Promise<CompletedAnswer | null> {
    const uri = ownUri(params.get('uri') ?? '', account);
    const local = uri === null ? null : this.#local.since(account, rev);
    if (uri === null || local === null) return null;
    const thread = threadOf(uri, local, await this.#viewer(account, local));
    if (thread === null) return null;
    const parentUri = parentOf(thread);
    const parent = parentUri === null ? null : await this.#appView.thread(account, parentUri, params.get('parentHeight'));
    return this.#completed({ thread: { ...thread, ...(parent !== null && { parent }) } }, local);
  }

  async #munge(nsid: string, account: Account, bytes: Buffer, local: LocalRecords): Promise<unknown> {
    const munger = mungers[nsid];
    const answer = this.#parse(nsid, bytes);
    if (munger === undefined || answer === null) return null;
    return munger(answer, local, await this.#viewer(account, local));
  }

  /** Gives an answer that fits its lexicon, or null: nothing is built upon one that does not. */
  #parse(nsid: string, bytes: Buffer): JsonRecord | null {
    try {
      const json = JSON.parse(bytes.toString('utf8')) as JsonRecord;
      this.#lexicons.assertValidXrpcOutput(nsid, jsonToLex(json));
      return json;
    } catch {
      // Theirs is not for us to judge, only not to touch.
      return null;
    }
  }

  async #viewer(account: Account, local: LocalRecords): Promise<Viewer> {
    const uris = new Set(local.posts.map(quotedUri).filter((uri) => uri !== null));
    return {
      did: account.did,
      handle: account.handle,
      profile: this.#local.profile(account),
      imageUrl: (kind, cid) => this.#imageUrl(kind, account.did, cid),
      quoted: uris.size === 0 ? new Map() : await this.#appView.quoted(account, [...uris]),
    };
  }

  #completed(value: unknown, local: LocalRecords): CompletedAnswer {
    return { body: Buffer.from(JSON.stringify(value)), headers: { 'atproto-upstream-lag': String(lagMs(local, this.#clock.nowMs())) } };
  }
}

function headerOf({ headers }: RawAnswer, name: string): string | null {
  const value = headers[name];
  return typeof value === 'string' ? value : null;
}

function isJson(answer: RawAnswer): boolean {
  const type = headerOf(answer, 'content-type');
  return type === null || /application\/(?:\w+\+)?json/i.test(type);
}

/** Gives the URI with the account's DID, when it names a record of the account; null otherwise. */
function ownUri(text: string, { did, handle }: Account): string | null {
  try {
    const { host, collection, rkey } = new AtUri(text);
    return host === did || host.toLowerCase() === handle ? `at://${did}/${collection}/${rkey}` : null;
  } catch {
    return null;
  }
}
