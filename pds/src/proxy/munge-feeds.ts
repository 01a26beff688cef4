/**
 * Puts an account's new posts and profile into feeds of an app view that has not seen them: getTimeline, getAuthorFeed, getActorLikes.
 * A post goes where its time belongs, and not below the end of the page. Pure functions.
 * Source: behaviour of the reference PDS (read-after-write).
 */
import type { LocalRecord, LocalRecords } from './local-records.ts';
import { postView, withBasicProfile, type PostView, type Viewer } from './post-view.ts';

/** One entry of a feed. */
export interface FeedItem {
  readonly post: PostView;
  /** Why it is there, such as a repost. */
  readonly reason?: { readonly $type?: string; readonly by?: { readonly did: string } };
  readonly [field: string]: unknown;
}

/** The answer of a method that gives a feed. */
export interface FeedAnswer {
  readonly feed: readonly FeedItem[];
  readonly [field: string]: unknown;
}

/** Changes the answer of app.bsky.feed.getTimeline. */
export function mungeTimeline<A extends FeedAnswer>(answer: A, local: LocalRecords, viewer: Viewer): A {
  return { ...answer, feed: withPosts(answer.feed, local.posts, viewer) };
}

/** Changes the answer of app.bsky.feed.getAuthorFeed; feeds of others stay as they are. */
export function mungeAuthorFeed<A extends FeedAnswer>(answer: A, local: LocalRecords, viewer: Viewer): A {
  if (!isFeedOf(answer.feed, viewer.did)) return answer;
  return { ...answer, feed: withPosts(withAuthor(answer.feed, local, viewer), local.posts, viewer) };
}

/** Changes the answer of app.bsky.feed.getActorLikes. */
export function mungeActorLikes<A extends FeedAnswer>(answer: A, local: LocalRecords, viewer: Viewer): A {
  return { ...answer, feed: withAuthor(answer.feed, local, viewer) };
}

/** Tells whose feed it is by its first entry: their own post, or their own repost. An empty feed is nobody's. */
function isFeedOf(feed: readonly FeedItem[], did: string): boolean {
  const [first] = feed;
  if (first === undefined) return false;
  const { reason } = first;
  if (reason === undefined) return first.post.author.did === did;
  return reason.$type === 'app.bsky.feed.defs#reasonRepost' && reason.by?.did === did;
}

function withAuthor(feed: readonly FeedItem[], { profile }: LocalRecords, viewer: Viewer): readonly FeedItem[] {
  if (profile === null) return feed;
  return feed.map((item) => (item.post.author.did === viewer.did ? { ...item, post: { ...item.post, author: withBasicProfile(item.post.author, viewer) } } : item));
}

function withPosts(feed: readonly FeedItem[], posts: readonly LocalRecord[], viewer: Viewer): readonly FeedItem[] {
  const oldest = feed.at(-1)?.post.indexedAt ?? '';
  const known = new Set(feed.map(({ post }) => post.uri));
  const changed = [...feed];
  for (const local of posts.toReversed()) {
    if (local.indexedAt <= oldest || known.has(local.uri)) continue;
    const place = changed.findIndex(({ post }) => post.indexedAt < local.indexedAt);
    const item = { post: postView(local, viewer) };
    if (place === -1) changed.push(item);
    else changed.splice(place, 0, item);
  }
  return changed;
}
