/** Keys at hand: how long, how many, and how often bad input may have one looked up afresh. */
import { expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { KeyCache } from '../../firehose-consumer/src/key-cache.ts';

const key = Keypair.generate().publicKey;

test('a key is at hand for ten minutes, or until it is forgotten', () => {
  const clock = new ManualClock();
  const cache = new KeyCache(clock);
  cache.set('did:web:a.test', key);
  clock.advance(599_999);
  expect(cache.get('did:web:a.test')).toBe(key);
  clock.advance(1);
  expect(cache.get('did:web:a.test')).toBeNull();
  cache.set('did:web:a.test', key);
  cache.delete('did:web:a.test');
  expect(cache.get('did:web:a.test')).toBeNull();
});

test('the oldest key leaves when there are a hundred thousand', () => {
  const cache = new KeyCache(new ManualClock());
  for (let index = 0; index < 100_000; index++) cache.set(`did:web:${index}.test`, key);
  expect([cache.size, cache.get('did:web:0.test')]).toEqual([100_000, key]);
  cache.set('did:web:more.test', key);
  expect([cache.size, cache.get('did:web:0.test'), cache.get('did:web:1.test')]).toEqual([100_000, null, key]);
});

test('tells for how long look-ups have failed, anew after one succeeded', () => {
  const clock = new ManualClock();
  const cache = new KeyCache(clock);
  expect(cache.failed('did:web:a.test')).toBe(0);
  clock.advance(5_000);
  expect([cache.failed('did:web:a.test'), cache.failed('did:web:b.test')]).toEqual([5_000, 0]);
  cache.set('did:web:a.test', key);
  expect(cache.failed('did:web:a.test')).toBe(0);
  for (let index = 0; index < 10_000; index++) cache.failed(`did:web:${index}.test`);
  expect(cache.failed('did:web:b.test')).toBe(0);
});

test('an account may be looked up afresh once a minute', () => {
  const clock = new ManualClock();
  const cache = new KeyCache(clock);
  expect([cache.takeRefresh('did:web:a.test'), cache.takeRefresh('did:web:a.test'), cache.takeRefresh('did:web:b.test')]).toEqual([true, false, true]);
  clock.advance(59_999);
  expect(cache.takeRefresh('did:web:a.test')).toBe(false);
  clock.advance(1);
  expect(cache.takeRefresh('did:web:a.test')).toBe(true);
});
