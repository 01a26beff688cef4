import { expect, test } from '@jest/globals';
import { growingCache } from '@dunlin/protocol/base/growing-cache';

test('holds as many entries as were asked for, and of one more lets the least recently used go', () => {
  const cache = growingCache<string, number>(3);
  for (const key of ['a', 'b', 'c']) cache.set(key, 1);
  expect(cache.size).toBe(3);
  cache.get('a');
  cache.set('d', 1);
  expect([...cache.keys()].toSorted()).toEqual(['a', 'c', 'd']);
});

test('a value that is set again takes no second place', () => {
  const cache = growingCache<string, number>(2);
  cache.set('a', 1);
  for (let value = 0; value < 10; value++) cache.set('b', value);
  expect([cache.get('a'), cache.get('b'), cache.size]).toEqual([1, 9, 2]);
});

test('takes no memory for entries it does not have', () => {
  const before = process.memoryUsage();
  const caches = Array.from({ length: 20 }, () => growingCache<string, number>(1_000_000));
  const after = process.memoryUsage();
  // Lists laid out for a million entries would take 28 MB each.
  expect(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(20_000_000);
  expect(caches.every((cache) => cache.size === 0)).toBe(true);
});
