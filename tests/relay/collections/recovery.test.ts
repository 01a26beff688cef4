import { expect, test } from '@jest/globals';
import { join } from 'node:path';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { Collections } from '@dunlin/relay/collections/collections';
import { CollectionIndex } from '@dunlin/relay/collections/collection-index';
import { CollectionStore } from '@dunlin/relay/collections/collection-store';
import { temporaryFolder } from '../../harness/temporary.ts';
import { RandomRepo } from './random-repo.ts';
import type { MadeCommit } from './random-repo.ts';

/** An index that was stored at seq 50 with ten exact rows, opened again beside accounts stored at `accountsSeq`. */
async function opened(accountsSeq: number | null, o: { rows?: number; oldestSeq?: number } = {}): Promise<{ collections: Collections; from: number | null; close: () => Promise<void> }> {
  const folder = await temporaryFolder();
  const path = join(folder.path, 'collections.sqlite');
  const store = new CollectionStore(path);
  const index = new CollectionIndex(store, { cacheBytes: 100_000 });
  for (let row = 0; row < 10; row++) {
    index.add(row, 'com.example.a');
    index.setCertainty(row, 'exact');
  }
  index.save(50, 10);
  store.close();
  const accounts = { size: o.rows ?? 10, did: () => '', hostId: (row: number) => row % 2, isActive: () => true, isListed: () => true, rev: () => null, key: () => null, setTold: () => undefined };
  const collections = new Collections({ path, cacheBytes: 100_000, accounts, headSeq: () => 100, clock: new ManualClock() });
  const from = collections.begin(accountsSeq, o.oldestSeq ?? 1);
  return { collections, from, close: async () => { collections.close(); await folder.remove(); } };
}

const commit = (row: number, made: MadeCommit, breaks: boolean): Parameters<Collections['recover']>[0] => ({ kind: 'commit', row, scan: made.scan, bytes: made.bytes, breaks });

test('begins at the older of the two stores; of events contained already only lost rows are taken again', async () => {
  const { collections, from, close } = await opened(40, { rows: 8 });
  expect(from).toBe(40);
  const { index } = collections;
  expect([...index.rowsFrom('com.example.a', 0)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  collections.recover(commit(1, new RandomRepo().fill('com.example.b', 1), false), 45);
  expect(index.collectionsOf(1)).toEqual(['com.example.a']);
  collections.recover(commit(8, new RandomRepo().fill('com.example.b', 1), false), 45);
  expect([index.collectionsOf(8), index.certainty(8)]).toEqual([['com.example.b'], 'exact']);
  await close();
});

test('an event whose chain cannot be judged puts its account in doubt, what it says is taken all the same', async () => {
  const { collections, from, close } = await opened(60);
  expect(from).toBe(50);
  const repo = new RandomRepo();
  repo.fill('com.example.a', 1);
  collections.recover(commit(3, repo.fill('com.example.b', 1), true), 55);
  expect([collections.index.certainty(3), collections.index.collectionsOf(3), collections.index.certainty(4)]).toEqual(['doubtful', ['com.example.a', 'com.example.b'], 'exact']);
  await close();
});

test('when events in between are gone from the log, or too many, every account is in doubt', async () => {
  for (const [accountsSeq, oldestSeq, from] of [[60, 55, 50], [300_000, 1, 300_000]] as const) {
    const opening = await opened(accountsSeq, { oldestSeq });
    expect(opening.from).toBe(from);
    expect(opening.collections.index.accounts(10)).toMatchObject({ exact: 0, doubtful: 10 });
    await opening.close();
  }
  const near = await opened(200_050, { oldestSeq: 51 });
  expect([near.from, near.collections.index.accounts(10).exact]).toEqual([50, 10]);
  await near.close();
});

test('a host that let go of events puts its accounts in doubt, and only those', async () => {
  const { collections, close } = await opened(50);
  collections.missedOf(1);
  for (let row = 0; row < 10; row++) expect(collections.index.certainty(row)).toBe(row % 2 === 1 ? 'doubtful' : 'exact');
  await close();
});
