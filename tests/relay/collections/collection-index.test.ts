import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { join } from 'node:path';
import fc from 'fast-check';
import { CollectionIndex } from '@dunlin/relay/collections/collection-index';
import { CollectionStore } from '@dunlin/relay/collections/collection-store';
import { temporaryFolder } from '../../harness/temporary.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let store: CollectionStore;

beforeEach(async () => {
  folder = await temporaryFolder();
  store = new CollectionStore(join(folder.path, 'collections.sqlite'));
});

afterEach(async () => {
  store.close();
  await folder.remove();
});

const small = { cacheBytes: 4_000, names: { cached: 2, total: 1_000 } };
const nsids = ['a.b.like', 'a.b.post', 'a.c.post', 'x.y.zeta', 'x.y.omega'];

function reopened(): CollectionIndex {
  store.close();
  store = new CollectionStore(join(folder.path, 'collections.sqlite'));
  return new CollectionIndex(store, small);
}

type Step = { readonly kind: 'add' | 'remove' | 'clear' | 'replace' | 'save'; readonly row: number; readonly nsid: number; readonly set: number };

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom<Step['kind']>('add', 'add', 'add', 'remove', 'clear', 'replace', 'save'),
  row: fc.oneof(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 4_090, max: 4_100 }), fc.integer({ min: 0, max: 30_000 })),
  nsid: fc.nat(nsids.length - 1),
  set: fc.nat(31),
});

test('the index is its model, across small caches, saving and opening again', () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
    let index = reopened();
    for (let row = 0; row < 31_000; row += 1) if (index.collectionsOf(row).length > 0) index.clear(row);
    const model = new Map<number, Set<string>>();
    const of = (row: number): Set<string> => model.get(row) ?? model.set(row, new Set()).get(row)!;
    for (const { kind, row, nsid, set } of steps) {
      const name = nsids[nsid]!;
      if (kind === 'add') { index.add(row, name); of(row).add(name); }
      if (kind === 'remove') expect(index.remove(row, name)).toBe(of(row).delete(name));
      if (kind === 'clear') { index.clear(row); of(row).clear(); }
      if (kind === 'replace') {
        const wanted = new Set(nsids.filter((_, bit) => (set & (1 << bit)) !== 0));
        index.replace(row, wanted);
        model.set(row, new Set(wanted));
      }
      if (kind === 'save') index.save(1, 31_000);
    }
    for (const again of [false, true]) {
      if (again) {
        index.save(1, 31_000);
        index = reopened();
      }
      for (const [row, names] of model) expect(index.collectionsOf(row)).toEqual([...names].sort());
      for (const name of nsids) {
        const rows = [...model].filter(([, names]) => names.has(name)).map(([row]) => row).sort((a, b) => a - b);
        expect([...index.rowsFrom(name, 0)]).toEqual(rows);
        expect([...index.rowsFrom(name, 4_095)]).toEqual(rows.filter((row) => row >= 4_095));
        if (again) expect(index.page('', 10).find(({ nsid }) => nsid === name)?.accounts ?? 0).toBe(rows.length);
      }
    }
  }), { numRuns: 25 });
});

test('collections are listed in the order of their text, below a prefix, without those that nobody has', () => {
  const index = new CollectionIndex(store, small);
  for (const [i, nsid] of nsids.entries()) for (let row = 0; row <= i; row++) index.add(row, nsid);
  index.remove(0, 'a.b.like');
  index.save(1, 10);
  expect(index.page('', 10).map(({ nsid, accounts }) => [nsid, accounts])).toEqual([['a.b.post', 2], ['a.c.post', 3], ['x.y.omega', 5], ['x.y.zeta', 4]]);
  expect(index.page('a.b.post', 2).map(({ nsid }) => nsid)).toEqual(['a.c.post', 'x.y.omega']);
  expect(index.page('', 10, 'x.y.').map(({ nsid }) => nsid)).toEqual(['x.y.omega', 'x.y.zeta']);
  expect(index.page('', 10, 'x.y.z').map(({ nsid }) => nsid)).toEqual(['x.y.zeta']);
  expect(index.page('', 10, 'x.z').length).toBe(0);
});

test('an account and the whole index take only so many collections', () => {
  const index = new CollectionIndex(store, { cacheBytes: 1_000_000, names: { cached: 10, total: 4 }, collectionsPerAccount: 3 });
  for (const nsid of nsids) index.add(1, nsid);
  expect(index.collectionsOf(1)).toEqual(['a.b.like', 'a.b.post', 'a.c.post']);
  expect(index.refused).toBe(2);
  for (const nsid of nsids.toReversed()) index.add(2, nsid);
  expect(index.collectionsOf(2)).toEqual(['a.b.post', 'a.c.post', 'x.y.omega']);
  index.remove(1, 'a.b.like');
  index.add(1, 'x.y.zeta');
  expect(index.collectionsOf(1)).toEqual(['a.b.post', 'a.c.post']);
  index.save(1, 10);
  const after = reopened();
  // The name that nobody has any more gives way to another.
  after.add(1, 'x.y.zeta');
  expect(after.collectionsOf(1)).toEqual(['a.b.post', 'a.c.post', 'x.y.zeta']);
});

test('rows that will be given again are forgotten, those below stay', () => {
  const index = new CollectionIndex(store, small);
  for (const row of [0, 4_095, 4_096, 5_000, 9_000]) {
    index.add(row, 'a.b.like');
    index.add(row, `a.b.row${row}`);
    index.setCertainty(row, 'exact');
  }
  index.save(7, 10_000);
  const after = reopened();
  expect(after.appliedSeq).toBe(7);
  after.trim(10_000);
  expect([...after.rowsFrom('a.b.like', 0)]).toEqual([0, 4_095, 4_096, 5_000, 9_000]);
  after.trim(5_000);
  expect([...after.rowsFrom('a.b.like', 0)]).toEqual([0, 4_095, 4_096]);
  expect([after.certainty(4_096), after.certainty(5_000), after.certainty(9_000)]).toEqual(['exact', 'unknown', 'unknown']);
  expect(after.accounts(5_000)).toEqual({ exact: 3, unknown: 4_997, doubtful: 0, away: 0 });
  after.save(8, 5_000);
  expect(reopened().page('', 10).map(({ nsid, accounts }) => [nsid, accounts])).toEqual([['a.b.like', 3], ['a.b.row0', 1], ['a.b.row4095', 1], ['a.b.row4096', 1]]);
});

test('certainty is kept and counted', () => {
  const index = new CollectionIndex(store, small);
  index.setCertainty(3, 'exact');
  index.setCertainty(2_000, 'doubtful');
  index.setCertainty(2_001, 'away');
  index.setCertainty(2_001, 'exact');
  expect(index.accounts(3_000)).toEqual({ unknown: 2_997, exact: 2, doubtful: 1, away: 0 });
  index.save(1, 3_000);
  const after = reopened();
  expect([after.certainty(3), after.certainty(2_000), after.certainty(2_001), after.certainty(99_999)]).toEqual(['exact', 'doubtful', 'exact', 'unknown']);
  after.doubtAll(3_000);
  expect(after.accounts(3_000)).toEqual({ unknown: 2_997, exact: 0, doubtful: 3, away: 0 });
});
