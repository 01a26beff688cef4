import { expect, test } from '@jest/globals';
import { DidLimiter } from '@dunlin/relay/ingest/did-limiter';

test('gives each DID its burst, then one token at a time', () => {
  const limiter = new DidLimiter({ burst: 2, everyMs: 1000 });
  expect([limiter.take('a', 0), limiter.take('a', 0), limiter.take('a', 0), limiter.take('b', 0)]).toEqual([true, true, false, true]);
  expect([limiter.take('a', 999), limiter.take('a', 1000), limiter.take('a', 1000)]).toEqual([false, true, false]);
});

test('remembers a bounded number of DIDs, the latest', () => {
  const limiter = new DidLimiter({ burst: 1, everyMs: 1e9 });
  for (let i = 0; i <= 100_000; i++) limiter.take(`did:${i}`, 0);
  expect(limiter.take('did:100000', 0)).toBe(false);
  expect(limiter.take('did:0', 0)).toBe(true);
});

test('tells names apart that agree for thousands of characters, and keeps none of them', () => {
  const limiter = new DidLimiter({ burst: 1, everyMs: 1_000 });
  const long = `did:web:${'x'.repeat(2_000)}`;
  expect([limiter.take(`${long}a`, 0), limiter.take(`${long}b`, 0), limiter.take(`${long}a`, 0)]).toEqual([true, true, false]);
});
