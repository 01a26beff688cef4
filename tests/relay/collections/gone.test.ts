import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { verifyCommit } from '@dunlin/protocol/repo/verify-commit';
import { collectionOf, goneCollections } from '@dunlin/relay/collections/gone';
import { RandomRepo, collectionNames, randomCommits } from './random-repo.ts';

test('of every valid commit of random repositories it tells which collections it emptied, and no others', () => {
  fc.assert(fc.property(randomCommits(40), fc.nat(300), (commits, records) => {
    const repo = new RandomRepo();
    if (records > 0) repo.fill('com.example.aa', records % 200 + 1);
    for (const writes of commits) {
      const before = repo.collections();
      const made = repo.commit(writes);
      if (made === null) continue;
      const { bytes, scan, data } = made;
      expect(verifyCommit({ bytes, scan, key: repo.account.keypair.publicKey, nowMs: Date.now() })).toMatchObject({ accepted: true });
      const gone = before.filter((collection) => !repo.collections().includes(collection));
      expect([...(goneCollections(scan, bytes, data) ?? ['not proven'])].sort()).toEqual(gone);
    }
  }), { numRuns: 60 });
});

test('the last record of all leaves the empty tree', () => {
  const repo = new RandomRepo();
  repo.commit([{ collection: 2, record: 0, isDelete: false }]);
  const { scan, bytes, data } = repo.commit([{ collection: 2, record: 0, isDelete: true }])!;
  expect(goneCollections(scan, bytes, data)).toEqual([collectionNames[2]]);
});

test('blocks that do not reach to where the record was prove nothing', () => {
  const repo = new RandomRepo();
  repo.fill('com.example.b', 150);
  repo.commit([{ collection: 5, record: 0, isDelete: false }, { collection: 2, record: 0, isDelete: false }]);
  const { scan, bytes } = repo.commit([{ collection: 2, record: 0, isDelete: true }])!;
  const other = new RandomRepo();
  const { data } = other.fill('com.example.a', 3);
  expect(goneCollections(scan, bytes, data)).toBeNull();
});

test('nothing deleted, nothing gone', () => {
  const repo = new RandomRepo();
  const { scan, bytes, data } = repo.fill('com.example.b', 5);
  expect(goneCollections(scan, bytes, data)).toEqual([]);
  expect(collectionOf('com.example.b/f1')).toBe('com.example.b');
});
