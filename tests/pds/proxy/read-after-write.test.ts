/** People see what they just wrote, although the app view has not seen it: every method, and every case that is left alone. */
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { tidToMicros } from '@dunlin/protocol/repo/tid';
import { startSmallPds, type Answer, type Person, type SmallPds } from '../small-pds.ts';
import { maxCompletedBytes } from '../../../pds/src/proxy/read-after-write.ts';
import { json, startFakeService, type FakeService } from './fake-service.ts';

const cid = 'bafyreibwpxwqhrf5yymyug7kd5x7alllofexpnsqtbkdvsoivh3sxe2l6y';
let appView: FakeService;
let small: SmallPds;
let alice: Person;
let bob: Person;
/** The revision the app view has seen: everything up to the first post. */
let seenRev: string;
let first: Written;
let reply: Written;
let image: Record<string, unknown>;

interface Written { uri: string; cid: string; at: string }

const bobsPost = 'at://did:web:bob.org/app.bsky.feed.post/3kbob';
async function write(collection: string, rkey: string | undefined, record: object, who = alice): Promise<Written & { rev: string }> {
  const { json: written } = await small.call('com.atproto.repo.putRecord', { body: { repo: who.did, collection, rkey: rkey ?? '', record }, token: who.token });
  const { rev } = written['commit'] as { rev: string };
  return { uri: String(written['uri']), cid: String(written['cid']), rev, at: new Date(tidToMicros(rev) / 1000).toISOString() };
}
const post = (text: string, more: object = {}): object => ({ $type: 'app.bsky.feed.post', text, createdAt: '2026-01-01T00:00:00.000Z', ...more });

beforeAll(async () => {
  appView = await startFakeService();
  small = await startSmallPds({ environment: { PDS_BSKY_APP_VIEW_URL: appView.url, PDS_BSKY_APP_VIEW_DID: appView.did, PDS_BSKY_APP_VIEW_CDN_URL_PATTERN: 'https://cdn.example.org/%s/%s/%s' } });
  [alice, bob] = [await small.newPerson('alice'), await small.newPerson('bob')];
  await write('app.bsky.actor.profile', 'self', { $type: 'app.bsky.actor.profile', displayName: 'Old Alice' });
  first = await write('app.bsky.feed.post', '3kaaaaaaaaa22', post('seen'));
  seenRev = (first as Written & { rev: string }).rev;
  const { json: upload } = await small.call('com.atproto.repo.uploadBlob', { body: Buffer.from('picture'), headers: { 'content-type': 'image/png' }, token: alice.token });
  image = upload['blob'] as Record<string, unknown>;
  const reference = { uri: bobsPost, cid };
  reply = await write('app.bsky.feed.post', '3kaaaaaaaab22', post('reply', { reply: { root: reference, parent: reference }, embed: { $type: 'app.bsky.embed.images', images: [{ image, alt: 'a picture', aspectRatio: { width: 2, height: 1 } }] } }));
  await write('app.bsky.feed.post', '3kaaaaaaaac22', post('quote', { embed: { $type: 'app.bsky.embed.record', record: reference } }));
  await write('app.bsky.actor.profile', 'self', { $type: 'app.bsky.actor.profile', displayName: 'Alice', description: 'new', avatar: image });
});
afterAll(async () => {
  await small.close();
  await appView.close();
});
beforeEach(() => {
  appView.asked.length = 0;
});

const author = (did: string, more: object = {}): object => ({ did, handle: did === alice.did ? 'alice.test' : 'bob.org', ...more });
const view = (uri: string, did: string, indexedAt: string, more: object = {}): object => ({ uri, cid, author: author(did, { displayName: 'Old' }), record: post('from the app view'), indexedAt, ...more });
const avatar = (): string => `https://cdn.example.org/avatar/${alice.did}/${String((image['ref'] as { $link: string }).$link)}`;
const ofAlice = (): object => ({ did: alice.did, handle: 'alice.test', displayName: 'Alice', avatar: avatar() });

/** Lets the app view answer one method, as of a revision, and all questions of ours about quoted posts. */
function answers(nsid: string, value: unknown, o: { rev?: string | null; packed?: boolean; status?: number; headers?: Record<string, string> } = {}): void {
  appView.answer = (asked, response) => {
    const headers = { ...(o.rev !== null && { 'atproto-repo-rev': o.rev ?? seenRev }), ...o.headers };
    if (asked.path.endsWith('getPosts')) return json(response, { posts: [view(bobsPost, 'did:web:bob.org', '2026-01-01T00:00:00.000Z', { labels: [] })] });
    if (!asked.path.endsWith(nsid) || asked.url.includes('depth=0')) return json(response, { thread: { $type: 'app.bsky.feed.defs#threadViewPost', post: view(bobsPost, 'did:web:bob.org', '2026-01-01T00:00:00.000Z') } });
    if (o.packed) return response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip', ...headers }).end(gzipSync(JSON.stringify(value)));
    json(response, value, headers, o.status);
  };
}
const ask = (nsid: string, params: Record<string, string | string[]> = {}, who = alice): Promise<Answer> => small.call(nsid, { params, token: who.token });
const texts = ({ json: body }: Answer): string[] => (body['feed'] as { post: { record: { text: string } } }[]).map((item) => item.post.record.text);

test('getTimeline shows new posts where their time belongs, with what they carry', async () => {
  const feed = [{ post: view(bobsPost, 'did:web:bob.org', '2099-01-01T00:00:00.000Z') }, { post: view(first.uri, alice.did, first.at) }, { post: view('at://did:web:b.org/app.bsky.feed.post/0', 'did:web:b.org', '2020-01-01T00:00:00.000Z') }];
  answers('app.bsky.feed.getTimeline', { feed, cursor: 'c' }, { packed: true });
  const answer = await ask('app.bsky.feed.getTimeline');
  expect(texts(answer)).toEqual(['from the app view', 'quote', 'reply', 'from the app view', 'from the app view']);
  expect(Number(answer.headers.get('atproto-upstream-lag'))).toBeGreaterThanOrEqual(0);
  expect([answer.headers.get('atproto-repo-rev'), answer.headers.get('content-encoding'), answer.json['cursor']]).toEqual([seenRev, null, 'c']);
  const [, quoteItem, replyItem] = answer.json['feed'] as { post: Record<string, unknown> }[];
  expect(replyItem?.post).toEqual({
    uri: reply.uri, cid: reply.cid, author: ofAlice(), record: expect.objectContaining({ text: 'reply' }), indexedAt: reply.at, likeCount: 0, replyCount: 0, repostCount: 0, quoteCount: 0,
    embed: { $type: 'app.bsky.embed.images#view', images: [{ thumb: avatar().replace('avatar', 'feed_thumbnail'), fullsize: avatar().replace('avatar', 'feed_fullsize'), alt: 'a picture', aspectRatio: { width: 2, height: 1 } }] },
  });
  expect(quoteItem?.post['embed']).toEqual({
    $type: 'app.bsky.embed.record#view',
    record: { $type: 'app.bsky.embed.record#viewRecord', uri: bobsPost, cid, author: author('did:web:bob.org', { displayName: 'Old' }), value: post('from the app view'), labels: [], indexedAt: '2026-01-01T00:00:00.000Z' },
  });
});

test('a page of older posts stays as it is', async () => {
  const feed = [{ post: view(bobsPost, 'did:web:bob.org', '2099-01-02T00:00:00.000Z') }, { post: view(`${bobsPost}2`, 'did:web:bob.org', '2099-01-01T00:00:00.000Z') }];
  answers('app.bsky.feed.getTimeline', { feed });
  expect(texts(await ask('app.bsky.feed.getTimeline'))).toEqual(['from the app view', 'from the app view']);
});

test('getAuthorFeed shows them in one\'s own feed only, with one\'s new name', async () => {
  answers('app.bsky.feed.getAuthorFeed', { feed: [{ post: view(first.uri, alice.did, first.at) }] });
  const own = await ask('app.bsky.feed.getAuthorFeed', { actor: alice.did });
  expect(texts(own)).toEqual(['quote', 'reply', 'from the app view']);
  expect((own.json['feed'] as { post: { author: object } }[])[2]?.post.author).toEqual(ofAlice());
  answers('app.bsky.feed.getAuthorFeed', { feed: [{ post: view(bobsPost, 'did:web:bob.org', first.at) }] });
  expect(texts(await ask('app.bsky.feed.getAuthorFeed', { actor: 'bob.org' }))).toEqual(['from the app view']);
  const repost = { post: view(bobsPost, 'did:web:bob.org', first.at), reason: { $type: 'app.bsky.feed.defs#reasonRepost', by: author(alice.did), indexedAt: first.at } };
  answers('app.bsky.feed.getAuthorFeed', { feed: [repost] });
  expect(texts(await ask('app.bsky.feed.getAuthorFeed', { actor: alice.did }))).toEqual(['quote', 'reply', 'from the app view']);
});

test('getActorLikes shows one\'s new name and no posts', async () => {
  answers('app.bsky.feed.getActorLikes', { feed: [{ post: view(first.uri, alice.did, first.at) }] });
  const answer = await ask('app.bsky.feed.getActorLikes', { actor: alice.did });
  expect(texts(answer)).toEqual(['from the app view']);
  expect((answer.json['feed'] as { post: { author: object } }[])[0]?.post.author).toEqual(ofAlice());
});

test('getProfile and getProfiles show one\'s new profile, and nobody else\'s', async () => {
  const old = (did: string): object => ({ ...author(did, { displayName: 'Old', description: 'old', banner: 'https://cdn.example.org/old', avatar: 'https://cdn.example.org/old' }), postsCount: 3 });
  answers('app.bsky.actor.getProfile', old(alice.did));
  expect((await ask('app.bsky.actor.getProfile', { actor: alice.did })).json).toEqual({ ...ofAlice(), description: 'new', postsCount: 3 });
  answers('app.bsky.actor.getProfile', old('did:web:bob.org'));
  expect((await ask('app.bsky.actor.getProfile', { actor: 'did:web:bob.org' })).json).toEqual(old('did:web:bob.org'));
  answers('app.bsky.actor.getProfiles', { profiles: [old('did:web:bob.org'), old(alice.did)] });
  expect((await ask('app.bsky.actor.getProfiles', { actors: ['did:web:bob.org', alice.did] })).json['profiles']).toEqual([old('did:web:bob.org'), { ...ofAlice(), description: 'new', postsCount: 3 }]);
});

test('getPostThread shows new replies where they belong', async () => {
  const thread = { $type: 'app.bsky.feed.defs#threadViewPost', post: view(bobsPost, 'did:web:bob.org', first.at) };
  answers('app.bsky.feed.getPostThread', { thread });
  const { json: body } = await ask('app.bsky.feed.getPostThread', { uri: bobsPost });
  expect((body['thread'] as { replies: { post: { uri: string } }[] }).replies.map((each) => each.post.uri)).toEqual([reply.uri]);
  answers('app.bsky.feed.getPostThread', { thread: { $type: 'app.bsky.feed.defs#notFoundPost', uri: bobsPost, notFound: true } });
  expect((await ask('app.bsky.feed.getPostThread', { uri: bobsPost })).json['thread']).toMatchObject({ notFound: true });
});

test('getPostThread of a post the app view does not know is built here, for its author only', async () => {
  answers('app.bsky.feed.getPostThread', { error: 'NotFound', message: 'Post not found' }, { status: 400 });
  for (const uri of [reply.uri, reply.uri.replace(alice.did, 'alice.test')]) {
    const { status, json: body } = await ask('app.bsky.feed.getPostThread', { uri });
    expect([status, body['thread']]).toEqual([200, { $type: 'app.bsky.feed.defs#threadViewPost', post: expect.objectContaining({ uri: reply.uri }), parent: expect.objectContaining({ post: expect.objectContaining({ uri: bobsPost }) }) }]);
  }
  expect((await ask('app.bsky.feed.getPostThread', { uri: reply.uri }, bob)).status).toBe(400);
  expect((await ask('app.bsky.feed.getPostThread', { uri: first.uri })).status).toBe(400);
  expect((await ask('app.bsky.feed.getPostThread', { uri: 'nonsense' })).status).toBe(400);
  answers('app.bsky.feed.getPostThread', { error: 'NotFound' }, { status: 400, rev: null });
  expect((await ask('app.bsky.feed.getPostThread', { uri: reply.uri })).status).toBe(400);
});

test('answers go through untouched when the app view is not behind, does not say, or speaks of another time', async () => {
  const feed = [{ post: view(first.uri, alice.did, first.at) }];
  const { json: latest } = await small.call('com.atproto.sync.getLatestCommit', { params: { did: alice.did } });
  for (const rev of [String(latest['rev']), null, '2222222222222']) {
    answers('app.bsky.feed.getTimeline', { feed }, { rev, headers: { 'x-mark': 'as it was' } });
    const answer = await ask('app.bsky.feed.getTimeline');
    expect([texts(answer), answer.headers.get('atproto-upstream-lag')]).toEqual([['from the app view'], null]);
  }
  answers('app.bsky.feed.getTimeline', { feed });
  expect(texts(await ask('app.bsky.feed.getTimeline', {}, bob))).toEqual(['from the app view']);
});

test('nothing is built upon an answer that does not fit its lexicon', async () => {
  answers('app.bsky.feed.getTimeline', { feed: 'nonsense' });
  const answer = await ask('app.bsky.feed.getTimeline');
  expect([answer.status, answer.json, answer.headers.get('atproto-upstream-lag')]).toEqual([200, { feed: 'nonsense' }, null]);
});

test('an answer of a service anybody may have put up is completed up to a megabyte and goes through as it came beyond it, packed or not, with its length or without', async () => {
  const stranger = await startFakeService();
  try {
    const filled = (length: number): object => ({ feed: [{ post: view(first.uri, alice.did, first.at) }], more: 'x'.repeat(length) });
    const asks = async (): Promise<Answer> => small.call('app.bsky.feed.getTimeline', { token: alice.token, headers: { 'atproto-proxy': `${stranger.did}#bsky_appview` } });
    const says = (value: object, isPacked = false): void => {
      const text = JSON.stringify(value);
      stranger.answer = (_asked, response) => response.writeHead(200, { 'content-type': 'application/json', 'atproto-repo-rev': seenRev, ...(isPacked && { 'content-encoding': 'gzip' }), ...(!isPacked && { 'content-length': String(text.length) }) }).end(isPacked ? gzipSync(text) : text);
    };
    answers('none', {});
    says(filled(maxCompletedBytes.others - 1_000));
    expect(texts(await asks())).toContain('reply');
    says(filled(maxCompletedBytes.others));
    expect(texts(await asks())).toEqual(['from the app view']);
    says(filled(maxCompletedBytes.others - 1_000), true);
    expect(texts(await asks())).toContain('reply');
    says(filled(maxCompletedBytes.others), true);
    expect(texts(await asks())).toEqual(['from the app view']);
    says({ ...filled(0), more: randomBytes(maxCompletedBytes.others).toString('base64') }, true);
    expect(texts(await asks())).toEqual(['from the app view']);
    stranger.answer = (_asked, response) => response.writeHead(200, { 'content-type': 'application/json', 'atproto-repo-rev': seenRev, 'content-encoding': 'gzip' }).end('{"no":"gzip"}');
    await expect(asks()).rejects.toThrow();
    expect((await small.call('_health')).status).toBe(200);
  } finally {
    await stranger.close();
  }
});
