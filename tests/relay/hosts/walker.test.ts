import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { cidForRaw } from '@dunlin/protocol/data/cid';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { HostStore } from '@dunlin/relay/hosts/host-store';
import { walkHost } from '@dunlin/relay/hosts/host-walk';
import type { WalkMetrics } from '@dunlin/relay/hosts/host-walk';
import { LookupPace } from '@dunlin/relay/hosts/lookup-pace';
import type { Home } from '@dunlin/relay/ingest/home';
import type { Introduction } from '@dunlin/relay/ingest/introduction';
import { eventually } from '../../harness/wait.ts';
import { FakeAccount, createWrite } from '../fixture/fake-account.ts';
import { TestRelay } from '../fixture/test-relay.ts';
import type { FakeHost } from '../fixture/test-relay.ts';

let relay: TestRelay;
let host: FakeHost;
/** Cursors the host was asked with, in order. */
let asked: (string | null)[];

interface Listed { did: string; head?: string; rev?: string; active?: boolean; status?: string }

const listedRepo = ({ did, head }: FakeAccount): Listed => ({ did, head: head?.cid.toString(), rev: head?.rev, active: true });

/** Lets the host list these, `perPage` on a page. */
function lists(repos: () => readonly Listed[], perPage = 2): void {
  relay.directory.lists.set(host.origin, (cursor) => {
    asked.push(cursor);
    const from = Number(cursor ?? 0);
    const [all, end] = [repos(), from + perPage];
    return Response.json({ repos: all.slice(from, end), ...(end < all.length && { cursor: String(end) }) });
  });
}

function made(count: number, at: FakeHost = host): FakeAccount[] {
  return Array.from({ length: count }, () => {
    const account = relay.register(new FakeAccount(), at);
    account.commit([createWrite('r1', 20, 'com.example.old')]);
    return account;
  });
}

async function known(): Promise<Listed[]> {
  return ((await (await relay.get('/xrpc/com.atproto.sync.listRepos')).json()) as { repos: Listed[] }).repos;
}
const result = (name: string): Promise<number> => relay.metric(`relay_walk_accounts_total{result="${name}"}`);
const done = (count: number): Promise<unknown> => eventually(`${count} pages`, () => asked.length >= count);

async function begin(options: Parameters<typeof TestRelay.start>[0] = {}): Promise<void> {
  relay = await TestRelay.start({ collectionBackfill: 'all', walkLookups: 1_000, ...options });
  host = await relay.addHost();
  asked = [];
}

beforeEach(() => begin());
afterEach(async () => {
  expect(relay.faults).toEqual([]);
  await relay.close();
});

test('takes in accounts that never spoke, with what their host lists, and asks about their collections', async () => {
  const accounts = made(3);
  for (const { did, handle } of accounts) relay.directory.repos.set(did, () => Response.json({ did, handle, collections: ['com.example.old'] }));
  lists(() => [...accounts.map(listedRepo), { did: 'nonsense' }]);
  await relay.requestCrawl(host.hostname);
  await eventually('all are known', async () => (await known()).length === 3);
  expect(await known()).toEqual(accounts.map(listedRepo));
  await eventually('their collections are known', async () => {
    const answer = (await (await relay.get('/xrpc/com.atproto.sync.listReposByCollection?collection=com.example.old')).json()) as { repos: unknown[] };
    return answer.repos.length === 3;
  });
  expect([asked, await result('added')]).toEqual([[null, '2'], 3]);
  // The same after a restart, and nobody is asked again.
  await relay.restart();
  await host.firehose.connection(2);
  expect(await known()).toEqual(accounts.map(listedRepo));
  const [first] = accounts;
  expect((await relay.get(`/xrpc/com.atproto.sync.getLatestCommit?did=${first?.did}`)).status).toBe(404);
});

test('the first commit of such an account goes out whatever the list said, and is no break', async () => {
  const [behind, ahead] = made(2);
  const lied = { ...listedRepo(ahead!), rev: 'zzzzzzzzzzzzz', head: cidForRaw(new Uint8Array(1)).toString() };
  lists(() => [listedRepo(behind!), { ...lied, rev: ahead!.nextRev() }]);
  await relay.requestCrawl(host.hostname);
  await eventually('both are known', async () => (await known()).length === 2);
  const consumer = await relay.consume();
  behind!.commit();
  for (const account of [ahead!, behind!]) host.send(account.commit());
  expect((await consumer.take(2)).map((frame) => scanFrame(frame).did)).toEqual([ahead!.did, behind!.did]);
  expect(await relay.metric('relay_commits_discontinuous_total{field="since"}')).toBe(0);
  expect(await known()).toEqual([listedRepo(behind!), listedRepo(ahead!)]);
  expect((await relay.get(`/xrpc/com.atproto.sync.getLatestCommit?did=${ahead!.did}`)).status).toBe(200);
});

test('what such an account has is proven by its host, and stays so when it speaks', async () => {
  const [alice] = made(1);
  for (let i = 0; i < 30; i++) alice!.commit();
  const lie = { ...listedRepo(alice!), rev: alice!.nextRev() };
  lists(() => [lie]);
  relay.directory.repos.set(alice!.did, () => Response.json({ did: alice!.did, collections: ['com.example.never'] }));
  relay.directory.proofs.set(alice!.did, (path) => new Response(Buffer.from(alice!.proof(path))));
  await relay.requestCrawl(host.hostname);
  await eventually('it is proven', async () => (await relay.metric('relay_collections_accounts_proven')) === 1);
  expect(await relay.metric('relay_collections_proofs_total{result="corrected"}')).toBe(1);
  expect(await known()).toEqual([listedRepo(alice!)]);
  const status = async (): Promise<unknown> => (await relay.get(`/admin/repo/status?did=${alice!.did}`, relay.operator)).json();
  expect(await status()).toMatchObject({ collections: ['app.bsky.feed.post', 'com.example.old'], collectionsAre: 'exact', collectionsProven: true });
  await relay.restart();
  const consumer = await relay.consume();
  await host.firehose.connection(2);
  host.send(alice!.commit([createWrite('r1', 20, 'com.example.new')]));
  await consumer.take(1);
  expect(await status()).toMatchObject({ collections: ['app.bsky.feed.post', 'com.example.new', 'com.example.old'], collectionsAre: 'exact', collectionsProven: true });
  expect(await known()).toEqual([listedRepo(alice!)]);
});

test('an account is not taken in when its document names another host, nor when it is known', async () => {
  const [mine] = made(1);
  const [foreign] = made(1, await relay.addHost());
  const nobody = new FakeAccount();
  nobody.commit();
  lists(() => [foreign!, nobody, mine!].map(listedRepo).concat({ ...listedRepo(mine!), active: false }), 4);
  await relay.requestCrawl(host.hostname);
  await eventually('the page is decided', async () => (await result('foreign')) === 2);
  expect(await known()).toEqual([listedRepo(mine!)]);
});

test('an account that has moved without a word is that of the host its document names', async () => {
  const other = await relay.crawledHost();
  const [alice] = made(1, other);
  const consumer = await relay.consume();
  other.send(alice!.commit());
  await consumer.take(1);
  relay.register(alice!, host);
  lists(() => [listedRepo(alice!)]);
  await relay.requestCrawl(host.hostname);
  await eventually('it is taken in', async () => (await result('added')) === 1);
  expect(await (await relay.get(`/admin/repo/status?did=${alice!.did}`, relay.operator)).json()).toMatchObject({ host: host.origin, rev: alice!.head!.rev, active: true });
  host.send(alice!.commit());
  await consumer.take(2);
  expect(await relay.metric('relay_commits_discontinuous_total{field="since"}')).toBe(0);
});

test('the state of an account is what its host lists', async () => {
  const [gone] = made(1);
  lists(() => [{ ...listedRepo(gone!), active: false, status: 'deactivated' }]);
  await relay.requestCrawl(host.hostname);
  await eventually('it is known', async () => (await known()).length === 1);
  expect(await known()).toMatchObject([{ did: gone!.did, active: false, status: 'deactivated' }]);
});

test('stops where the limit of accounts of the host is reached', async () => {
  await relay.close();
  await begin({ trustedDomains: [], defaultAccountLimit: 2 });
  const accounts = made(5);
  lists(() => accounts.map(listedRepo));
  await relay.requestCrawl(host.hostname);
  await eventually('it is full', async () => (await result('full')) > 0);
  expect(await known()).toHaveLength(2);
  const store = new HostStore(`${relay.folder}/hosts.sqlite`);
  const walk = store.walks.find(1);
  store.close();
  expect([walk.cursor, walk.nextMs > Date.now() + 3_600_000]).toEqual(['2', true]);
});

describe('a walk that is interrupted', () => {
  test('goes on at its page after a restart', async () => {
    const accounts = made(5);
    let isDown = false;
    lists(() => accounts.map(listedRepo));
    const list = relay.directory.lists.get(host.origin)!;
    relay.directory.lists.set(host.origin, (cursor) => {
      const answer = list(cursor);
      if (cursor === '2' && !isDown) {
        isDown = true;
        return new Response('later', { status: 503, headers: { 'retry-after': '1' } });
      }
      return answer;
    });
    await relay.requestCrawl(host.hostname);
    await done(2);
    await eventually('the fault is counted', async () => (await relay.metric('relay_walk_pages_failed_total')) === 1);
    await relay.restart();
    await eventually('all are known', async () => (await known()).length === 5);
    expect(asked).toEqual([null, '2', '2', '4']);
  });

  test('while the directory is silent asks for the page again later, and not for the next', async () => {
    const accounts = made(3);
    lists(() => accounts.map(listedRepo));
    relay.directory.isDown = true;
    await relay.requestCrawl(host.hostname);
    await eventually('they are not decided', async () => (await result('later')) === 2);
    relay.directory.isDown = false;
    const store = new HostStore(`${relay.folder}/hosts.sqlite`);
    await eventually('it waits', () => store.walks.find(1).failures === 1);
    expect(store.walks.find(1)).toMatchObject({ cursor: null, failures: 1 });
    store.close();
    expect(asked).toEqual([null]);
  });

  test('begins anew when the host does not know the place any more, and is done when it has no list at all', async () => {
    await relay.requestCrawl(host.hostname);
    const store = new HostStore(`${relay.folder}/hosts.sqlite`);
    await eventually('done for a month', () => store.walks.find(1).nextMs > Date.now() + 20 * 86_400_000);
    store.walks.put({ hostId: 1, cursor: 'gone', nextMs: 0, failures: 0, pages: 0 });
    await eventually('from the beginning', () => store.walks.find(1).failures === 1);
    expect(store.walks.find(1)).toMatchObject({ cursor: null });
    store.close();
  });
});

test('a host that is blocked is asked for no more of its list', async () => {
  lists(() => Array.from({ length: 40 }, () => ({ did: 'nonsense' })));
  await relay.requestCrawl(host.hostname);
  await done(1);
  expect((await relay.post('/admin/pds/block', { host: host.hostname }, relay.operator)).status).toBe(200);
  await eventually('the walk is over', async () => (await relay.metric('relay_walks')) === 0);
  expect(asked.length).toBeLessThanOrEqual(2);
});

test('a list without end ends, however often the host says "later" in between', async () => {
  const clock = new ManualClock();
  const store = new HostStore(':memory:');
  const metrics = { listed: Object.fromEntries(['added', 'known', 'foreign', 'full', 'later'].map((each) => [each, { inc: () => undefined }])) as unknown as WalkMetrics['listed'], failed: { inc: () => undefined } };
  let pages = 0;
  const fetch = (async () => {
    pages += 1;
    return pages % 10 === 0 ? new Response('', { status: 429, headers: { 'retry-after': '1' } }) : Response.json({ repos: [], cursor: `c${pages}` });
  }) as unknown as typeof globalThis.fetch;
  const home: Home = { id: 1, origin: 'https://host.example.com', isRefused: false, accountLimit: () => 100 };
  const isDone = (): boolean => store.walks.find(1).nextMs > clock.nowMs() + 86_400_000;
  for (let attempts = 0; attempts < 50 && !isDone(); attempts++) {
    const walk = walkHost({
      walks: store.walks, introduction: {} as Introduction, fetch, saveAccounts: async () => undefined, mayAsk: () => true, pace: new LookupPace(1, clock),
      againMs: 30 * 86_400_000, clock, random: () => 0.5, metrics, signal: new AbortController().signal,
    }, home);
    const pause = setInterval(() => clock.advance(1_000), 0);
    await walk;
    clearInterval(pause);
    clock.advance(1_000);
  }
  // A hundred, and what a hundred accounts may need; those that were not given do not count.
  expect([isDone(), pages - Math.floor(pages / 10)]).toEqual([true, 102]);
  expect(store.walks.find(1)).toMatchObject({ cursor: null, pages: 0 });
  store.close();
});

test('nobody is asked when the operator does not want it', async () => {
  lists(() => []);
  await relay.restart({ collectionBackfill: 'seen' });
  await relay.requestCrawl(host.hostname);
  const account = relay.register(new FakeAccount(), host);
  const consumer = await relay.consume();
  host.send(account.commit());
  await consumer.take(1);
  expect([asked, await relay.metric('relay_walks')]).toEqual([[], 0]);
});

test('look-ups begin at their pace, in order, and at once when all is over', async () => {
  const clock = new ManualClock();
  const pace = new LookupPace(10, clock);
  const stopping = new AbortController();
  const turns: number[] = [];
  const waiting = [0, 1, 2, 3].map((i) => pace.turn(stopping.signal).then(() => turns.push(i)));
  await waiting[0];
  clock.advance(99);
  await Promise.resolve();
  expect(turns).toEqual([0]);
  clock.advance(1);
  await waiting[1];
  expect(turns).toEqual([0, 1]);
  stopping.abort();
  await Promise.all(waiting);
  expect(turns).toEqual([0, 1, 2, 3]);
});
