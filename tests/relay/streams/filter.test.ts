/** Filters: bounds on both sides, what is refused, what they want; and that the table of channels finds just those who want an event. */
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { ChannelTable } from '@dunlin/relay/streams/channel';
import { InvalidFilter, makeFilter, maxCollections, maxDids, wants, type FilterWish } from '@dunlin/relay/streams/filter';
import type { Judged } from '@dunlin/relay/streams/entry';

const many = (count: number, of: (index: number) => string): string[] => Array.from({ length: count }, (_, index) => of(index));

test.each<[string, FilterWish, FilterWish]>([
  ['collections', { collections: many(maxCollections, (index) => `a.b.c${index}`) }, { collections: many(maxCollections + 1, (index) => `a.b.c${index}`) }],
  ['collections and prefixes together', { collections: many(maxCollections, (index) => (index % 2 ? `a.b${index}.*` : `a.b.c${index}`)) }, { collections: many(maxCollections + 1, (index) => (index % 2 ? `a.b${index}.*` : `a.b.c${index}`)) }],
  ['accounts', { dids: many(maxDids, (index) => `did:plc:${index}`) }, { dids: many(maxDids + 1, (index) => `did:plc:${index}`) }],
  ['repeats', { dids: many(maxDids * 10, () => 'did:plc:a') }, { dids: many(maxDids * 10 + 1, () => 'did:plc:a') }],
  ['kinds', { kinds: ['commit', 'sync', 'identity', 'account', 'commit'] }, { kinds: ['commit', 'sync', 'identity', 'account', 'info'] }],
  ['the length of a prefix', { collections: [`a.${'b'.repeat(315)}.*`] }, { collections: [`a.${'b'.repeat(316)}.*`] }],
])('%s have a bound', (_, good, bad) => {
  expect(() => makeFilter(good)).not.toThrow();
  expect(() => makeFilter(bad)).toThrow(InvalidFilter);
});

test.each(['', '*', '.*', 'a..*', 'app.bsky.fe*', 'app.bsky.feed.post.*.*', 'app', 'app.bsky.*x', 'ä.b.*'])('the collection %p is refused', (collection) => {
  expect(() => makeFilter({ collections: [collection] })).toThrow(InvalidFilter);
});

test('equal wishes have equal keys, others have not', () => {
  const key = (wish: FilterWish): string => makeFilter(wish).key;
  expect(key({ collections: ['a.b.c', 'a.b.*'], dids: ['did:plc:a', 'did:plc:b'] })).toBe(key({ collections: ['a.b.*', 'a.b.c', 'a.b.c'], dids: ['did:plc:b', 'did:plc:a'] }));
  const keys = [{}, { maxMessageBytes: 5 }, { kinds: ['commit'] }, { collections: ['a.b.c'] }, { dids: ['did:plc:a'] }].map(key);
  expect(new Set(keys).size).toBe(keys.length);
});

const collections = ['app.bsky.feed.post', 'app.bsky.feed.like', 'app.dunlin.live.message'];
const dids = ['did:plc:a', 'did:plc:b'];
const anyFilter = fc.record({
  collections: fc.subarray([...collections, 'app.*', 'app.bsky.*', 'app.bsky.feed.*', 'app.bsky.feed.post.*']),
  dids: fc.subarray(dids),
  kinds: fc.subarray(['commit', 'identity', 'sync']),
}).map(makeFilter);
const anyItem: fc.Arbitrary<Judged> = fc.oneof(
  fc.record({ kind: fc.constant('commit' as const), did: fc.constantFrom(...dids), collections: fc.array(fc.constantFrom(...collections), { maxLength: 3 }) }),
  fc.record({ kind: fc.constantFrom('identity' as const, 'sync' as const, 'account' as const), did: fc.constantFrom(...dids), collections: fc.constant([]) }),
);

test('the table leads an event to every channel that wants it and to no other, while channels come and go', () => {
  fc.assert(fc.property(fc.array(anyFilter, { maxLength: 12, size: 'max' }), fc.array(anyItem, { maxLength: 8 }), fc.infiniteStream(fc.boolean()), (filters, items, leaves) => {
    const table = new ChannelTable<never>();
    const joined = filters.map((filter) => table.join(filter));
    const stayed = joined.filter((channel) => {
      const isLeaving = leaves.next().value === true;
      if (isLeaving) table.leave(channel);
      return !isLeaving;
    });
    for (const item of items) {
      expect(table.wanting(item)).toEqual(new Set(stayed.filter(({ filter }) => wants(filter, item))));
    }
    expect(table.costBytes).toBe([...new Set(stayed)].reduce((sum, { filter }) => sum + filter.costBytes, 0));
    for (const channel of stayed) table.leave(channel);
    expect([...table.all()]).toEqual([]);
    expect(table.costBytes).toBe(0);
  }));
});
