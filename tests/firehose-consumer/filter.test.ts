/** What is wanted and what is not. */
import { describe, expect, test } from '@jest/globals';
import { Filter } from '../../firehose-consumer/src/filter.ts';

describe('collections', () => {
  test.each([
    [['app.bsky.feed.like'], 'app.bsky.feed.like', true],
    [['app.bsky.feed.like'], 'app.bsky.feed.likes', false],
    [['app.bsky.feed.*'], 'app.bsky.feed.like', true],
    [['app.bsky.feed.*'], 'app.bsky.feedback.like', false],
    [['app.bsky.feed.*'], 'app.bsky.feed', false],
    [['app.*', 'com.example.thing'], 'app.dunlin.live.room', true],
    [['app.*', 'com.example.thing'], 'com.example.thing', true],
    [['app.*', 'com.example.thing'], 'com.example.other', false],
  ])('%j: %s → %s', (collections, collection, isWanted) => {
    const filter = new Filter({ collections });
    expect([filter.wantsCollection(collection), filter.wantsCollection(collection)]).toEqual([isWanted, isWanted]);
  });

  test('are all wanted when none is named', () => {
    const filter = new Filter({});
    expect([filter.wantsAnyCollection, filter.wantsCollection('app.bsky.feed.like')]).toEqual([true, true]);
  });

  test('stay right when strangers invent thousands of names', () => {
    const filter = new Filter({ collections: ['app.bsky.*'] });
    expect(Array.from({ length: 10_000 }, (_, index) => filter.wantsCollection(`com.example.x${index}`)).some(Boolean)).toBe(false);
    expect(filter.wantsCollection('app.bsky.feed.like')).toBe(true);
  });
});

test('accounts and kinds are wanted by name, and all when none is named', () => {
  const some = new Filter({ dids: ['did:plc:a'], kinds: ['commit', 'account'] });
  expect([some.wantsDid('did:plc:a'), some.wantsDid('did:plc:b')]).toEqual([true, false]);
  expect((['commit', 'identity', 'account', 'sync'] as const).map((kind) => some.wantsKind(kind))).toEqual([true, false, true, false]);
  const all = new Filter({});
  expect([all.wantsDid('did:plc:b'), all.wantsKind('sync')]).toEqual([true, true]);
});

test.each([
  [{ collections: ['*'] }, 'not a collection or prefix.*: *'],
  [{ collections: ['app.bsky.feed*'] }, 'not a collection'],
  [{ collections: [''] }, 'not a collection'],
  [{ collections: [] }, 'empty list'],
  [{ dids: ['alice.test'] }, 'not a did: alice.test'],
  [{ dids: [] }, 'empty list'],
  [{ kinds: ['record'] }, 'not a kind of event: record'],
  [{ kinds: [] }, 'empty list'],
])('%j is refused', (options, message) => {
  const make = (): Filter => new Filter(options as ConstructorParameters<typeof Filter>[0]);
  expect(make).toThrow(expect.objectContaining({ code: 'InvalidOption', message: expect.stringContaining(message) }));
});
