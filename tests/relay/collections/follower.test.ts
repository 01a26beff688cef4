import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ManualClock } from '@dunlin/protocol/base/clock';
import type { AccountKey } from '@dunlin/relay/accounts/account-row';
import { Checks } from '@dunlin/relay/collections/checks';
import { CollectionIndex } from '@dunlin/relay/collections/collection-index';
import { CollectionStore } from '@dunlin/relay/collections/collection-store';
import { CollectionFollower } from '@dunlin/relay/collections/follower';
import { goneCollections } from '@dunlin/relay/collections/gone';
import { Journals } from '@dunlin/relay/collections/journals';
import { RandomRepo, randomCommits } from './random-repo.ts';
import type { MadeCommit } from './random-repo.ts';

/** Several repositories, followed; row i is repository i. */
class World {
  readonly repos: RandomRepo[];
  readonly clock = new ManualClock();
  readonly journals = new Journals();
  readonly index = new CollectionIndex(new CollectionStore(':memory:'), { cacheBytes: 100_000 });
  readonly doubted: number[] = [];
  readonly follower = new CollectionFollower({ index: this.index, journals: this.journals, onDoubt: (row) => void this.doubted.push(row) });
  /** What hosts tell in place of the truth, and how often a proof said something else. */
  lie: readonly string[] | null = null;
  corrected = 0;
  /** Rev that was passed on last. */
  readonly #revs: (string | null)[];
  /** Answers that hosts have not given yet. */
  readonly waiting: ((status?: number) => void)[] = [];
  readonly faults: unknown[] = [];
  readonly checks: Checks;

  constructor(repos: number) {
    this.repos = Array.from({ length: repos }, () => new RandomRepo());
    this.#revs = this.repos.map(() => null);
    const count = { inc: () => undefined };
    this.checks = new Checks({
      index: this.index, journals: this.journals, clock: this.clock, perSecond: 5, proves: true, metrics: { checked: { told: count, away: count, failed: count }, proved: { proven: count, corrected: { inc: () => void this.corrected++ }, unprovable: count, failed: count } },
      accounts: { size: repos, did: (row) => this.repos[row]!.account.did, hostId: (row) => row % 3, isActive: () => true, isListed: () => true, rev: (row) => this.#revs[row] ?? null, key: (row) => keyOf(this.repos[row]!), setTold: () => undefined },
      originOf: (host) => `https://host${host}.example.com`,
      fetch: ((url: string) => this.#answer(String(url))) as typeof globalThis.fetch,
      onFault: (error) => void this.faults.push(error),
    });
  }

  pass(row: number, made: MadeCommit): void {
    const { scan, bytes, data } = made;
    const breaks = this.#revs[row] !== scan.since;
    this.#revs[row] = scan.rev;
    this.follower.commit({ row, scan, bytes, gone: goneCollections(scan, bytes, data), breaks });
  }

  /** A host answers with what is there when it is asked; the answer arrives when the test says so. */
  async #answer(url: string): Promise<Response> {
    const { pathname, searchParams: params } = new URL(url);
    const did = params.get('repo') ?? params.get('did');
    const repo = this.repos.find(({ account }) => account.did === did)!;
    const collections = this.lie ?? repo.collections();
    const proof = pathname.endsWith('getRecord') ? repo.account.proof(`${params.get('collection')}/${params.get('rkey')}`) : null;
    const status = await new Promise<number>((resolve) => this.waiting.push((code = 200) => resolve(code)));
    if (status === 200 && proof) return new Response(Buffer.from(proof));
    return status === 200 ? Response.json({ did, collections, handle: 'x.example.com', didDoc: {}, handleIsCorrect: true }) : new Response('{}', { status });
  }

  async answerAll(): Promise<void> {
    for (const answer of this.waiting.splice(0)) answer();
    for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  }

  /** Lets everything be asked until nothing is left to ask. */
  async settle(): Promise<void> {
    for (let round = 0; round < 600 && this.repos.some((_, row) => this.index.proof(row) !== 'proven'); round++) {
      this.clock.advance(1_000);
      await this.answerAll();
    }
  }
}

function keyOf({ account }: RandomRepo): AccountKey {
  const { curve, bytes } = account.keypair.publicKey;
  return { curve, bytes };
}

type Happening = { readonly kind: 'pass' | 'miss' | 'time' | 'answer'; readonly repo: number };

test('exact accounts are exact at every moment, and all become exact: random repositories, missed commits, late answers', async () => {
  const happening = fc.record({ kind: fc.constantFrom<Happening['kind']>('pass', 'pass', 'pass', 'miss', 'time', 'answer'), repo: fc.nat(3) });
  await fc.assert(fc.asyncProperty(fc.array(happening, { minLength: 10, maxLength: 80, size: 'max' }), randomCommits(80), async (happenings, commits) => {
    const world = new World(4);
    // The last commit of each that was passed on; only then the relay can know.
    const isBehind = world.repos.map(() => false);
    for (const [i, { kind, repo }] of happenings.entries()) {
      if (kind === 'time') world.clock.advance(300);
      if (kind === 'answer') await world.answerAll();
      if (kind !== 'pass' && kind !== 'miss') continue;
      const made = world.repos[repo]!.commit(commits[i % commits.length]!);
      if (made === null) continue;
      if (kind === 'pass') world.pass(repo, made);
      isBehind[repo] = kind === 'miss';
      for (const [row, each] of world.repos.entries()) {
        if (world.index.certainty(row) === 'exact' && !isBehind[row]) expect(world.index.collectionsOf(row)).toEqual(each.collections());
      }
    }
    // One more commit of each tells of what was missed.
    for (const [row, repo] of world.repos.entries()) world.pass(row, repo.commit([{ collection: 3, record: 3, isDelete: false }])!);
    await world.settle();
    for (const [row, repo] of world.repos.entries()) {
      expect([world.index.certainty(row), world.index.proof(row)]).toEqual(['exact', 'proven']);
      expect(world.index.collectionsOf(row)).toEqual(repo.collections());
    }
    expect(world.faults).toEqual([]);
    await Promise.all([world.checks.close(), world.answerAll()]);
  }), { numRuns: 60 });
}, 120_000);

test('what a host told and cannot prove is put right', async () => {
  const world = new World(3);
  world.lie = ['com.example.never'];
  for (const [row, repo] of world.repos.entries()) {
    repo.fill('app.bsky.feed.like', 40 * row + 1);
    repo.fill('com.example.aa', 1);
    world.pass(row, repo.fill('com.example.b', 1));
  }
  await world.settle();
  for (const row of world.repos.keys()) expect(world.index.collectionsOf(row)).toEqual(['app.bsky.feed.like', 'com.example.aa', 'com.example.b']);
  expect([world.corrected, world.index.proven, world.faults]).toEqual([3, 3, []]);
  // What breaks the chain ends the proof too.
  world.follower.sync(0, true);
  expect([world.index.proof(0), world.index.proven]).toEqual(['none', 2]);
  await Promise.all([world.checks.close(), world.answerAll()]);
});

test('an account seen from its first commit on is exact at once, one seen later is not', () => {
  const world = new World(2);
  world.pass(0, world.repos[0]!.fill('com.example.a', 4));
  expect([world.index.certainty(0), world.index.collectionsOf(0)]).toEqual(['exact', ['com.example.a']]);
  world.repos[1]!.fill('com.example.a', 4);
  world.pass(1, world.repos[1]!.fill('com.example.b', 1));
  expect([world.index.certainty(1), world.index.collectionsOf(1)]).toEqual(['unknown', ['com.example.b']]);
});

test('a repository begun anew is exact again, with nothing left of the old one', () => {
  const world = new World(1);
  world.pass(0, world.repos[0]!.fill('com.example.a', 2));
  world.repos[0]!.account.head = null;
  world.repos[0]!.records.clear();
  world.pass(0, world.repos[0]!.fill('com.example.b', 2));
  expect([world.index.certainty(0), world.index.collectionsOf(0)]).toEqual(['exact', ['com.example.b']]);
});

test('what breaks the chain puts an exact account in doubt: a commit, a #sync, coming back; once', () => {
  for (const breaking of ['commit', 'sync', 'account'] as const) {
    const world = new World(1);
    const [repo, { follower, index }] = [world.repos[0]!, world];
    world.pass(0, repo.fill('com.example.a', 2));
    follower.sync(0, false);
    follower.account(0, { active: true, isDeleted: false, breaks: false });
    expect(index.certainty(0)).toBe('exact');
    if (breaking === 'sync') follower.sync(0, true);
    if (breaking === 'account') follower.account(0, { active: true, isDeleted: false, breaks: true });
    if (breaking === 'commit') {
      repo.fill('com.example.aa', 2);
      world.pass(0, repo.fill('com.example.b', 2));
      expect(index.collectionsOf(0)).toEqual(['com.example.a', 'com.example.b']);
    }
    follower.sync(0, true);
    expect([index.certainty(0), world.doubted]).toEqual(['doubtful', [0]]);
  }
});

test('a deleted account is in no collection; its host is not asked about it until it speaks again', async () => {
  const world = new World(1);
  const repo = world.repos[0]!;
  world.pass(0, repo.fill('com.example.a', 2));
  world.follower.account(0, { active: false, isDeleted: true, breaks: false });
  expect([world.index.certainty(0), world.index.collectionsOf(0)]).toEqual(['away', []]);
  world.clock.advance(60_000);
  expect(world.waiting.length).toBe(0);
  world.pass(0, repo.fill('com.example.b', 2));
  expect(world.index.certainty(0)).toBe('unknown');
  await world.settle();
  expect([world.index.certainty(0), world.index.collectionsOf(0)]).toEqual(['exact', ['com.example.a', 'com.example.b']]);
});
