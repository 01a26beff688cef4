import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { PreparedWrite } from '@dunlin/protocol/repo/operation';
import { eventually } from '../../harness/wait.ts';
import { FakeAccount, createWrite } from '../fixture/fake-account.ts';
import { TestRelay } from '../fixture/test-relay.ts';
import type { FakeHost } from '../fixture/test-relay.ts';

let relay: TestRelay;
let host: FakeHost;

beforeEach(async () => {
  relay = await TestRelay.start();
  host = await relay.crawledHost();
});

afterEach(async () => {
  expect(relay.faults).toEqual([]);
  await relay.close();
});

const remove = (collection: string, rkey: string): PreparedWrite => ({ action: 'delete', collection, rkey });

function account(): FakeAccount {
  return relay.register(new FakeAccount(), host);
}

/** Lets the host answer describeRepo with what the account's records are then. */
function describes(who: FakeAccount, collections: () => string[]): void {
  relay.directory.repos.set(who.did, () => Response.json({ did: who.did, handle: who.handle, didDoc: {}, handleIsCorrect: true, collections: collections() }));
}

async function page(collection: string, query = ''): Promise<{ repos: { did: string }[]; cursor?: string }> {
  const answer = await relay.get(`/xrpc/com.atproto.sync.listReposByCollection?collection=${collection}${query}`);
  expect(answer.status).toBe(200);
  return (await answer.json()) as { repos: { did: string }[]; cursor?: string };
}

const dids = async (collection: string): Promise<string[]> => (await page(collection)).repos.map(({ did }) => did);
const listed = async (query = ''): Promise<{ collections: { nsid: string; accounts: number }[]; coverage: Record<string, number>; cursor?: string }> =>
  (await (await relay.get(`/xrpc/app.dunlin.relay.listCollections${query}`)).json()) as never;

test('lists who has records in a collection, from the first commit until the last record is deleted', async () => {
  const [alice, bob] = [account(), account()];
  const consumer = await relay.consume();
  host.send(alice.commit([createWrite('r1', 20, 'app.bsky.feed.post'), createWrite('r1', 20, 'app.bsky.feed.like')]));
  host.send(bob.commit([createWrite('r1', 20, 'app.bsky.feed.like'), createWrite('r2', 20, 'app.bsky.feed.like')]));
  await consumer.take(2);
  expect(await dids('app.bsky.feed.like')).toEqual([alice.did, bob.did]);
  expect(await dids('app.bsky.feed.post')).toEqual([alice.did]);
  expect(await dids('app.bsky.feed.repost')).toEqual([]);
  host.send(bob.commit([remove('app.bsky.feed.like', 'r1')]));
  host.send(alice.commit([remove('app.bsky.feed.like', 'r1')]));
  await consumer.take(4);
  expect(await dids('app.bsky.feed.like')).toEqual([bob.did]);
  expect(await dids('app.bsky.feed.post')).toEqual([alice.did]);
  await eventually('both deletions are stored', async () => (await listed()).collections.map(({ accounts }) => accounts).join() === '1,1');
  expect(await listed()).toEqual({
    collections: [{ nsid: 'app.bsky.feed.like', accounts: 1 }, { nsid: 'app.bsky.feed.post', accounts: 1 }], coverage: { exact: 2, proven: 2, unknown: 0, doubtful: 0, away: 0 },
  });
  expect(await listed('?prefix=app.bsky.feed.p')).toMatchObject({ collections: [{ nsid: 'app.bsky.feed.post' }] });
  expect((await listed('?limit=1')).cursor).toBe('app.bsky.feed.like');
  expect(await listed('?limit=1&cursor=app.bsky.feed.like')).toMatchObject({ collections: [{ nsid: 'app.bsky.feed.post' }] });
});

test('pages follow one another by cursor, within the bounds of the lexicon', async () => {
  const accounts = Array.from({ length: 7 }, account);
  const consumer = await relay.consume();
  for (const each of accounts) host.send(each.commit());
  await consumer.take(7);
  const all: string[] = [];
  let cursor = '';
  for (let pages = 0; pages < 4; pages++) {
    const { repos, cursor: next } = await page('app.bsky.feed.post', `&limit=3${cursor && `&cursor=${cursor}`}`);
    all.push(...repos.map(({ did }) => did));
    expect(repos.length).toBe(Math.min(3, 7 - pages * 3));
    if (next === undefined) break;
    cursor = next;
  }
  expect(all).toEqual(accounts.map(({ did }) => did));
  const status = async (query: string): Promise<number> => (await relay.get(`/xrpc/com.atproto.sync.listReposByCollection?${query}`)).status;
  expect([await status('collection=app.bsky.feed.post&limit=2000'), await status('collection=app.bsky.feed.post&limit=1')]).toEqual([200, 200]);
  expect([await status('collection=app.bsky.feed.post&limit=2001'), await status('collection=app.bsky.feed.post&limit=0'), await status(''), await status('collection=x'), await status('collection=a.b.c&cursor=x')])
    .toEqual([400, 400, 400, 400, 400]);
});

test('accounts that are not active are left out, and are there again with what they have then', async () => {
  const alice = account();
  const consumer = await relay.consume();
  describes(alice, () => ['app.bsky.feed.post', 'com.example.made.meanwhile']);
  host.send(alice.commit());
  host.send(alice.account(false, 'deactivated'));
  await consumer.take(2);
  expect(await dids('app.bsky.feed.post')).toEqual([]);
  host.send(alice.account(true));
  await consumer.take(3);
  expect(await dids('app.bsky.feed.post')).toEqual([alice.did]);
  await eventually('the host was asked', async () => (await dids('com.example.made.meanwhile')).length === 1);
  host.send(alice.account(false, 'deleted'));
  await consumer.take(4);
  await eventually('forgotten', async () => (await listed()).coverage['away'] === 1);
});

test('an account older than the first sight of it is asked about, and then no more', async () => {
  const alice = account();
  alice.commit([createWrite('r1', 20, 'com.example.old')]);
  describes(alice, () => ['app.bsky.feed.post', 'com.example.old', 'not an nsid']);
  const consumer = await relay.consume();
  host.send(alice.commit());
  await consumer.take(1);
  expect(await dids('app.bsky.feed.post')).toEqual([alice.did]);
  await eventually('the old one is there', async () => (await dids('com.example.old')).length === 1);
  await eventually('sure', async () => (await listed()).coverage['exact'] === 1);
  const asked = relay.directory.described.length;
  // The commit's own word still ends it.
  host.send(alice.commit([remove('com.example.old', 'r1')]));
  await consumer.take(2);
  expect(await dids('com.example.old')).toEqual([]);
  expect(relay.directory.described.length).toBe(asked);
});

test('a missed commit puts an account in doubt, and its host sets it right', async () => {
  const alice = account();
  const consumer = await relay.consume();
  host.send(alice.commit([createWrite('r1', 20, 'com.example.one')]));
  await consumer.take(1);
  alice.commit([createWrite('r1', 20, 'com.example.two'), remove('com.example.one', 'r1')]);
  describes(alice, () => ['com.example.two', 'com.example.three']);
  host.send(alice.commit([createWrite('r1', 20, 'com.example.three')]));
  await consumer.take(2);
  await eventually('set right', async () => (await dids('com.example.two')).length === 1 && (await dids('com.example.one')).length === 0);
  expect(await dids('com.example.three')).toEqual([alice.did]);
});

test('a host that cannot answer is left alone for a while, and asked again', async () => {
  const alice = account();
  alice.commit();
  let isDown = true;
  relay.directory.repos.set(alice.did, () => (isDown ? new Response('busy', { status: 429, headers: { 'retry-after': '1' } }) : Response.json({ did: alice.did, collections: ['com.example.old'] })));
  const consumer = await relay.consume();
  host.send(alice.commit());
  await consumer.take(1);
  await eventually('asked', () => relay.directory.described.length === 1);
  isDown = false;
  await eventually('asked again', async () => (await dids('com.example.old')).length === 1);
  expect(relay.directory.described.length).toBe(2);
});

test('the index is the same after a restart, and after its store or the account store was lost', async () => {
  const [alice, bob] = [account(), account()];
  describes(alice, () => ['com.example.a']);
  describes(bob, () => ['com.example.b', 'com.example.c']);
  const consumer = await relay.consume();
  host.send(alice.commit([createWrite('r1', 20, 'com.example.a'), createWrite('r1', 20, 'com.example.b')]));
  host.send(bob.commit([createWrite('r1', 20, 'com.example.b'), createWrite('r1', 20, 'com.example.c')]));
  host.send(alice.commit([remove('com.example.b', 'r1')]));
  await consumer.take(3);
  const asListed = async (): Promise<string[][]> => [await dids('com.example.a'), await dids('com.example.b'), await dids('com.example.c')];
  const right = [[alice.did], [bob.did], [bob.did]];
  expect(await asListed()).toEqual(right);
  await relay.restart();
  expect(await asListed()).toEqual(right);
  expect((await listed()).coverage).toMatchObject({ exact: 2 });
  await relay.restart({}, () => removeStore('accounts'));
  expect(await asListed()).toEqual(right);
  expect((await listed()).coverage).toMatchObject({ exact: 2 });
  await relay.restart({}, () => removeStore('collections'));
  await eventually('asked anew', async () => JSON.stringify(await asListed()) === JSON.stringify(right));
  expect(new Set(relay.directory.described)).toEqual(new Set([alice.did, bob.did]));
});

async function removeStore(name: string): Promise<void> {
  for (const ending of ['', '-wal', '-shm']) await rm(join(relay.folder, `${name}.sqlite${ending}`), { force: true });
}

test('without the index the methods are not there', async () => {
  await relay.restart({ collections: false });
  expect((await relay.get('/xrpc/com.atproto.sync.listReposByCollection?collection=a.b.c')).status).toBe(501);
});
