/** The Jetstream clients of npm on our relay: everything arrives, passes their own checks, filters and cursors work, with zero errors. */
import type { AtpAgent } from '@atproto/api';
import { JetstreamSubscription, type JetstreamEvent } from '@atcute/jetstream';
import { Jetstream } from '@skyware/jetstream';
import WebSocket from 'ws';
import { startTestNetwork, type TestNetwork } from '../harness/network.ts';
import { eventually } from '../harness/wait.ts';

let network: TestNetwork;
let alice: AtpAgent;
let bob: AtpAgent;
beforeAll(async () => {
  network = await startTestNetwork();
  alice = await network.newAccount(0, 'alice');
  bob = await network.newAccount(1, 'bob');
});
afterAll(() => network.close());

const endpoint = (): string => `${network.relay.replace(/^http/, 'ws')}/subscribe`;
const now = (): string => new Date().toISOString();
/** The present as a cursor: nothing that happens from here on is missed, whenever the client gets there. */
const nowUs = (): number => Date.now() * 1_000;

/** What the clients have in common, in a line of text. */
function line(event: { kind: string; did: string; commit?: { operation: string; collection: string; record?: unknown } }): string {
  const { commit } = event;
  const text = (commit?.record as { text?: string } | undefined)?.text;
  return [event.did === alice.assertDid ? 'alice' : 'bob', event.kind, ...(commit ? [commit.operation, commit.collection] : []), ...(text === undefined ? [] : [text])].join(' ');
}

/** Reads with @skyware/jetstream. */
function skyware(options: ConstructorParameters<typeof Jetstream>[0]): { jetstream: Jetstream; lines: string[]; errors: Error[] } {
  const jetstream = new Jetstream({ ws: WebSocket, endpoint: endpoint(), ...options });
  const lines: string[] = [];
  const errors: Error[] = [];
  for (const kind of ['commit', 'account', 'identity'] as const) jetstream.on(kind, (event: Parameters<typeof line>[0]) => void lines.push(line(event)));
  jetstream.on('error', (error) => void errors.push(error));
  jetstream.start();
  return { jetstream, lines, errors };
}

/** Reads with @atcute/jetstream, which checks every event and always says hello. */
function atcute(options: Partial<ConstructorParameters<typeof JetstreamSubscription>[0]>): { subscription: JetstreamSubscription; lines: string[]; events: JetstreamEvent[]; errors: unknown[]; stop: () => Promise<void> } {
  const errors: unknown[] = [];
  const events: JetstreamEvent[] = [];
  const lines: string[] = [];
  const subscription = new JetstreamSubscription({ url: network.relay.replace(/^http/, 'ws'), onError: (error) => void errors.push(error), onConnectionError: (event) => void errors.push(event.error), ...options });
  const iterator = subscription[Symbol.asyncIterator]();
  // Its iterator leaves the last question without an answer when it is ended, so this is not waited for.
  void (async () => {
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      events.push(next.value);
      lines.push(line(next.value));
    }
  })();
  return { subscription, lines, events, errors, stop: async () => void (await iterator.return?.()) };
}

test('both clients read creates, updates, deletes, account and identity events from the beginning, and agree', async () => {
  const [sky, at] = [skyware({ cursor: 1 }), atcute({ cursor: 1 })];
  const post = await alice.post({ text: 'hello', createdAt: now() });
  await alice.com.atproto.repo.putRecord({ repo: alice.assertDid, collection: 'app.bsky.actor.profile', rkey: 'self', record: { displayName: 'Alice' } });
  await alice.com.atproto.repo.putRecord({ repo: alice.assertDid, collection: 'app.bsky.actor.profile', rkey: 'self', record: { displayName: 'Alice again' } });
  await bob.like(post.uri, post.cid);
  await alice.deletePost(post.uri);
  await alice.com.atproto.server.deactivateAccount({});
  await alice.com.atproto.server.activateAccount();
  await bob.post({ text: 'the end', createdAt: now() });
  const isAll = (lines: string[]): boolean => lines.includes('bob commit create app.bsky.feed.post the end') && lines.filter((one) => one === 'alice account').length >= 3;
  await eventually('both have all', () => isAll(sky.lines) && isAll(at.lines));
  sky.jetstream.close();
  await at.stop();
  expect([sky.errors, at.errors]).toEqual([[], []]);
  expect(sky.lines.toSorted()).toEqual(at.lines.toSorted());
  expect(at.lines.filter((one) => one.startsWith('alice commit'))).toEqual([
    'alice commit create app.bsky.feed.post hello',
    'alice commit create app.bsky.actor.profile',
    'alice commit update app.bsky.actor.profile',
    'alice commit delete app.bsky.feed.post',
  ]);
  expect(at.lines).toEqual(expect.arrayContaining(['alice identity', 'bob identity', 'bob commit create app.bsky.feed.like']));
  const times = at.events.map(({ time_us: timeUs }) => timeUs);
  expect(times.every((time, index) => index === 0 || time > (times[index - 1] ?? 0))).toBe(true);
});

test('filters of the query and of options_update hold for both', async () => {
  const sky = skyware({ cursor: nowUs(), wantedCollections: ['app.bsky.feed.like'], wantedDids: [bob.assertDid] });
  const at = atcute({ cursor: nowUs(), wantedCollections: ['app.bsky.graph.*'] });
  const post = await bob.post({ text: 'not wanted', createdAt: now() });
  await alice.like(post.uri, post.cid);
  await bob.like(post.uri, post.cid);
  await bob.follow(alice.assertDid);
  await eventually('both have theirs', () => sky.lines.length > 0 && at.lines.length > 0);
  sky.jetstream.updateOptions({ wantedCollections: ['app.bsky.feed.post'], wantedDids: [alice.assertDid] });
  at.subscription.updateOptions({ wantedCollections: ['app.bsky.feed.repost'] });
  await eventually('the options hold', async () => {
    await alice.post({ text: 'wanted now', createdAt: now() });
    await alice.repost(post.uri, post.cid);
    return sky.lines.some((one) => one.endsWith('wanted now')) && at.lines.some((one) => one.endsWith('repost'));
  });
  sky.jetstream.close();
  await at.stop();
  expect([sky.errors, at.errors]).toEqual([[], []]);
  expect([...new Set(sky.lines)]).toEqual(['bob commit create app.bsky.feed.like', 'alice commit create app.bsky.feed.post wanted now']);
  // A second repost of the same post takes the first one's place, so there may be deletions too.
  const created = at.lines.filter((one) => !one.includes('commit delete app.bsky.feed.repost'));
  expect([...new Set(created)]).toEqual(['bob commit create app.bsky.graph.follow', 'alice commit create app.bsky.feed.repost']);
});

test('a client that comes back with the cursor it stopped at misses nothing', async () => {
  const first = atcute({ cursor: nowUs(), wantedDids: [bob.assertDid] });
  await bob.post({ text: 'one', createdAt: now() });
  await eventually('it has one', () => first.lines.some((one) => one.endsWith(' one')));
  await first.stop();
  await bob.post({ text: 'two', createdAt: now() });
  await bob.post({ text: 'three', createdAt: now() });
  const [at, sky] = [atcute({ cursor: first.subscription.cursor, wantedDids: [bob.assertDid] }), skyware({ cursor: first.subscription.cursor, wantedDids: [bob.assertDid] })];
  await eventually('both have the rest', () => [at, sky].every(({ lines }) => lines.some((one) => one.endsWith(' three'))));
  await at.stop();
  sky.jetstream.close();
  // The cursor is inclusive: what shares its millisecond comes again.
  const posts = (lines: string[]): string[] => lines.map((one) => one.replace(/.* /, '')).filter((text) => ['one', 'two', 'three'].includes(text));
  expect([posts(at.lines), posts(sky.lines)]).toEqual([['one', 'two', 'three'], ['one', 'two', 'three']]);
});
