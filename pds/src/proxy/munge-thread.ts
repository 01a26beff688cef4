/**
 * Puts an account's new replies into threads of an app view that has not seen them, and builds the thread of a post it has not seen
 * at all: getPostThread. Pure functions; the thread above a new post is asked for by the caller (`parentOf`).
 * Source: behaviour of the reference PDS (read-after-write).
 */
import type { JsonRecord, LocalRecord, LocalRecords } from './local-records.ts';
import { isObject, postView, type PostView, type Viewer } from './post-view.ts';

const threadType = 'app.bsky.feed.defs#threadViewPost';

/** A post with what it answers and what answers it. */
export interface ThreadPost {
  readonly $type: typeof threadType;
  readonly post: PostView;
  readonly parent?: unknown;
  readonly replies?: readonly unknown[];
  readonly [field: string]: unknown;
}

/** Changes the answer of app.bsky.feed.getPostThread. */
export function mungeThread<A extends { readonly thread: unknown }>(answer: A, local: LocalRecords, viewer: Viewer): A {
  return isThread(answer.thread) ? { ...answer, thread: withReplies(answer.thread, local.posts, viewer) } : answer;
}

/** Builds the thread of one of the new posts with the new answers below it; null when it is none of them. */
export function threadOf(uri: string, local: LocalRecords, viewer: Viewer): ThreadPost | null {
  const found = local.posts.find((post) => post.uri === uri);
  if (found === undefined) return null;
  return withReplies({ $type: threadType, post: postView(found, viewer) }, local.posts.filter((post) => post !== found), viewer);
}

/** Gives the URI of the post a thread's own post answers, or null. */
export function parentOf({ post }: ThreadPost): string | null {
  return referenceOf(post.record, 'parent');
}

function withReplies(thread: ThreadPost, posts: readonly LocalRecord[], viewer: Viewer): ThreadPost {
  const rootUri = referenceOf(thread.post.record, 'root');
  return posts
    .filter(({ record }) => {
      const root = referenceOf(record, 'root');
      return root !== null && (root === thread.post.uri || root === rootUri);
    })
    .reduce((changed, local) => insert(changed, local, viewer), thread);
}

function insert(thread: ThreadPost, local: LocalRecord, viewer: Viewer): ThreadPost {
  if (referenceOf(local.record, 'parent') === thread.post.uri) {
    const isThere = thread.replies?.some((reply) => isThread(reply) && reply.post.uri === local.uri) ?? false;
    return isThere ? thread : { ...thread, replies: [{ $type: threadType, post: postView(local, viewer) }, ...(thread.replies ?? [])] };
  }
  if (thread.replies === undefined) return thread;
  return { ...thread, replies: thread.replies.map((reply) => (isThread(reply) ? insert(reply, local, viewer) : reply)) };
}

function referenceOf(record: JsonRecord, which: 'root' | 'parent'): string | null {
  const { reply } = record as { reply?: unknown };
  const reference = isObject(reply) ? reply[which] : null;
  return isObject(reference) && typeof reference['uri'] === 'string' ? reference['uri'] : null;
}

function isThread(value: unknown): value is ThreadPost {
  return isObject(value) && value['$type'] === threadType && isObject(value['post']);
}
