/** The stream: which events each operation brings, that they verify and invert, and the cursor rules on real sockets. */
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { readCar } from '@dunlin/protocol/car/read';
import { parseDidKey, type PublicKey } from '@dunlin/protocol/crypto/did-key';
import { invertOperations } from '@dunlin/protocol/mst/invert';
import { decodeCommit, verifyCommitSignature } from '@dunlin/protocol/repo/commit';
import type { CommitEvent } from '@dunlin/protocol/stream/event';
import { WebSocket } from 'ws';
import { eventually } from '../../harness/wait.ts';
import { retentionEveryMs } from '@dunlin/pds/sequencer/retention';
import { post, startSmallPds, Subscriber, type Person, type Seen, type SmallPds } from '../small-pds.ts';

let small: SmallPds;
const open: Subscriber[] = [];
beforeAll(async () => {
  // Small runs, so that events lie in files too.
  small = await startSmallPds({ environment: { PDS_EVENT_RUN_BYTES: '4096' } });
});
afterEach(() => open.splice(0).forEach((subscriber) => subscriber.close()));
afterAll(() => small.close());

async function subscribe(cursor?: number): Promise<Subscriber> {
  const subscriber = await new Subscriber(small.url, cursor).opened();
  open.push(subscriber);
  return subscriber;
}

const seqs = (events: Seen[]): number[] => events.map((event) => ('seq' in event ? event.seq : Number.NaN));
const kinds = (events: Seen[]): string[] => events.map(({ kind }) => kind);

async function keyOf({ token }: Person): Promise<PublicKey> {
  const { json } = await small.call('com.atproto.identity.getRecommendedDidCredentials', { token });
  return parseDidKey((json['verificationMethods'] as { atproto: string }).atproto);
}

/** Checks what any consumer checks: one root, signature, rev, and that the operations undone give the tree before. */
function checkCommit(event: CommitEvent, key: PublicKey): void {
  const { roots, blocks } = readCar(event.blocks);
  expect(roots.map(String)).toEqual([event.commit.toString()]);
  const bytes = blocks.get(event.commit)!;
  expect(verifyCommitSignature(bytes, key)).toBe(true);
  const commit = decodeCommit(bytes);
  expect([commit.did, commit.rev]).toEqual([event.did, event.rev]);
  if (event.prevData === null) return;
  expect(invertOperations(blocks, commit.data, [...event.ops]).toString()).toBe(event.prevData.toString());
}

test('each operation brings its events, and every commit verifies, inverts and joins onto the one before', async () => {
  const watcher = await subscribe();
  const alice = await small.newPerson('alice');
  const key = await keyOf(alice);
  const act = (nsid: string, body: object): Promise<unknown> => small.call(nsid, { body: { repo: alice.did, ...body }, token: alice.token });
  const asAdmin = (nsid: string, body: object): Promise<unknown> => small.call(nsid, { body, headers: small.admin });
  const status = (takedown: object): Promise<unknown> => asAdmin('com.atproto.admin.updateSubjectStatus', { subject: { $type: 'com.atproto.admin.defs#repoRef', did: alice.did }, ...takedown });
  const collection = 'app.bsky.feed.post';
  const rkey = '3kabcdefgh222';

  await act('com.atproto.repo.createRecord', { collection, rkey, record: post('one') });
  await act('com.atproto.repo.putRecord', { collection, rkey, record: post('two') });
  await act('com.atproto.repo.putRecord', { collection, rkey, record: post('two') });
  await act('com.atproto.repo.deleteRecord', { collection, rkey });
  await act('com.atproto.repo.deleteRecord', { collection, rkey });
  await act('com.atproto.repo.applyWrites', { writes: [] });
  await small.call('com.atproto.identity.updateHandle', { body: { handle: 'alice2.test' }, token: alice.token });
  await small.call('com.atproto.identity.updateHandle', { body: { handle: 'alice2.test' }, token: alice.token });
  await small.call('com.atproto.server.deactivateAccount', { body: {}, token: alice.token });
  for (let times = 0; times < 2; times++) await small.call('com.atproto.server.activateAccount', { method: 'POST', token: alice.token });
  await status({ takedown: { applied: true, ref: 'case 1' } });
  await status({ takedown: { applied: false } });
  await status({});
  await asAdmin('com.atproto.admin.updateAccountHandle', { did: alice.did, handle: 'alice3.test' });

  const events = await watcher.take(20);
  expect(kinds(events)).toEqual([
    'identity', 'account', 'commit', 'sync', 'commit', 'commit', 'commit', 'identity', 'identity', 'account',
    'account', 'identity', 'sync', 'account', 'identity', 'sync', 'account', 'account', 'account', 'identity',
  ]);
  expect(seqs(events)).toEqual(events.map((_event, index) => seqs(events)[0] + index));
  expect(events[0]).toMatchObject({ did: alice.did, handle: 'alice.test', time: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/) });
  expect(events[1]).toMatchObject({ active: true, status: null });
  expect(events[2]).toMatchObject({ ops: [], since: null, prevData: null, blobs: [], tooBig: false, rebase: false });
  expect(events[9]).toMatchObject({ active: false, status: 'deactivated' });
  expect(events.slice(16, 19)).toMatchObject([{ active: false, status: 'takendown' }, { active: true }, { active: true }]);
  expect(events[19]).toMatchObject({ handle: 'alice3.test' });
  const commits = events.filter((event) => event.kind === 'commit');
  expect(commits.map(({ ops }) => ops.map(({ action }) => action))).toEqual([[], ['create'], ['update'], ['delete']]);
  for (const [index, commit] of commits.entries()) {
    checkCommit(commit, key);
    expect(commit.since).toBe(commits[index - 1]?.rev ?? null);
  }
  const sync = events[3] as Extract<Seen, { kind: 'sync' }>;
  expect([...readCar(sync.blocks).blocks].map(([cid]) => cid.toString())).toEqual([commits[0].commit.toString()]);
});

test('an account that is deleted leaves one last word, and nothing before it, also after a restart', async () => {
  const bob = await small.newPerson('bob');
  await small.call('com.atproto.repo.createRecord', { body: { repo: bob.did, collection: 'app.bsky.feed.post', record: post('gone soon') }, token: bob.token });
  await small.call('com.atproto.admin.deleteAccount', { body: { did: bob.did }, headers: small.admin });
  const ofBob = async (witness: string): Promise<Seen[]> => {
    const carol = await small.newPerson(witness);
    const reader = await subscribe(0);
    const isLast = (event: Seen): boolean => event.kind === 'sync' && event.did === carol.did;
    for (let count = 1; !reader.seen.some(isLast); count = reader.seen.length + 1) await reader.take(count);
    return reader.seen.filter((event) => 'did' in event && event.did === bob.did);
  };
  expect(await ofBob('carol')).toEqual([expect.objectContaining({ kind: 'account', active: false, status: 'deleted' })]);
  await small.restart();
  expect(await ofBob('claire')).toEqual([expect.objectContaining({ kind: 'account', active: false, status: 'deleted' })]);
  expect((await small.call('com.atproto.sync.getRepoStatus', { params: { did: bob.did } })).json['error']).toBe('RepoNotFound');
  expect((await small.newPerson('bob')).did).not.toBe(bob.did);
});

test('replay is, from every cursor, what was told live: out of files, the table and memory, before and after a restart', async () => {
  const live = await subscribe();
  const mallory = await small.newPerson('mallory');
  const writes = 40;
  for (let n = 0; n < writes; n++) await small.call('com.atproto.repo.createRecord', { body: { repo: mallory.did, collection: 'app.bsky.feed.post', record: post(`${n}`) }, token: mallory.token });
  const told = seqs(await live.take(4 + writes));
  const files = join(small.dataDirectory, 'events');
  await eventually('events are in files', async () => (await readdir(files)).length > 0);
  const replayAll = async (): Promise<void> => {
    for (const [index, seq] of told.entries()) {
      const reader = await subscribe(seq);
      await reader.take(told.length - 1 - index);
      expect(Buffer.concat(reader.frames.slice(0, told.length - 1 - index)).equals(Buffer.concat(live.frames.slice(index + 1, told.length)))).toBe(true);
      reader.close();
    }
  };
  await replayAll();
  await small.restart();
  await replayAll();
});

describe('cursors', () => {
  let dave: Person;
  let first: number;
  beforeAll(async () => {
    const watcher = await subscribe();
    dave = await small.newPerson('dave');
    for (let n = 0; n < 5; n++) await small.call('com.atproto.repo.createRecord', { body: { repo: dave.did, collection: 'com.example.n', record: { n } }, token: dave.token });
    first = seqs(await watcher.take(9))[0];
  });

  test('are exclusive, and replay goes on into what is new', async () => {
    const reader = await subscribe(first + 5);
    expect(seqs(await reader.take(3))).toEqual([first + 6, first + 7, first + 8]);
    await small.call('com.atproto.repo.createRecord', { body: { repo: dave.did, collection: 'com.example.n', record: { n: 6 } }, token: dave.token });
    expect(seqs(await reader.take(4)).at(-1)).toBe(first + 9);
  });

  test('in the future are refused with a frame and a close', async () => {
    const reader = await subscribe(first + 1_000_000);
    expect(await reader.take(1)).toEqual([{ kind: 'error', error: 'FutureCursor', message: 'Cursor in the future.' }]);
    await eventually('the reader is hung up on', () => reader.closed !== null);
    expect(reader.closed).toEqual({ code: 1008, reason: 'FutureCursor' });
  });

  test('of zero begin with the oldest, without a word', async () => {
    const [event] = await (await subscribe(0)).take(1);
    expect(event).toMatchObject({ kind: 'identity', seq: 1 });
  });

  test.each(['x', '-1', '1.5', '9007199254740992'])('that are no whole numbers are refused before the upgrade: %s', async (cursor) => {
    const socket = new WebSocket(`${small.url.replace('http', 'ws')}/xrpc/com.atproto.sync.subscribeRepos?cursor=${cursor}`);
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number; destroy(): void }];
    expect(response.statusCode).toBe(400);
    response.destroy();
  });

  test('that are too old get a word, and then what is left', async () => {
    const clock = new ManualClock();
    const short = await startSmallPds({ clock, environment: { PDS_REPO_BACKFILL_LIMIT_MS: '3600000' } });
    try {
      await short.newPerson('erin');
      clock.advance(3_000_000);
      await short.newPerson('finn');
      clock.advance(600_000);
      const reader = await eventually('the first account is out of the window', async () => {
        // The looks end when nobody is told: time goes on until one of them has forgotten.
        clock.advance(retentionEveryMs);
        const one = await new Subscriber(short.url, 1).opened();
        const [first] = await one.take(1);
        if (first?.kind === 'info') return one;
        one.close();
        return null;
      });
      expect((await reader.take(5)).map((event) => [event.kind, 'seq' in event ? event.seq : null])).toEqual([
        ['info', null], ['identity', 5], ['account', 6], ['commit', 7], ['sync', 8],
      ]);
      expect(reader.seen[0]).toMatchObject({ name: 'OutdatedCursor' });
      const fromOldest = await new Subscriber(short.url, 4).opened();
      expect((await fromOldest.take(1))[0]).toMatchObject({ kind: 'identity', seq: 5 });
      for (const each of [reader, fromOldest]) each.close();
    } finally {
      await short.close();
    }
  });
});

test('seqs go on after a restart where they stopped', async () => {
  const before = await subscribe(0);
  await before.take(10);
  const last = Math.max(...seqs(before.seen));
  await small.restart();
  const after = await subscribe();
  await small.newPerson('later');
  const [next] = seqs(await after.take(1));
  expect(next).toBeGreaterThan(last);
});
