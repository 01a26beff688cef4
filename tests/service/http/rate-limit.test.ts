/** Tests of rate limits: buckets empty and fill, keys are apart and bounded. */
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { RateLimiter, spend, spendAll } from '@dunlin/service/http/rate-limit';

const clock = (): ManualClock => new ManualClock(1_000_000_000_000);

describe('a rate limiter', () => {
  test('allows its points and not one more, then what has grown back', () => {
    const time = clock();
    const limiter = new RateLimiter({ points: 3, windowMs: 3_000, clock: time });
    expect([1, 2, 3, 4].map(() => limiter.spend('a').isAllowed)).toEqual([true, true, true, false]);
    time.advance(999);
    expect(limiter.spend('a').isAllowed).toBe(false);
    time.advance(1);
    expect(limiter.spend('a').isAllowed).toBe(true);
    expect(limiter.spend('a').isAllowed).toBe(false);
  });

  test('says what is left, when it is full again and how long to wait', () => {
    const limiter = new RateLimiter({ points: 10, windowMs: 10_000, clock: clock() });
    expect(limiter.spend('a', 4)).toEqual({ isAllowed: true, remaining: 6, resetSeconds: 1_000_000_004, retryAfterSeconds: 0 });
    expect(limiter.spend('a', 9)).toEqual({ isAllowed: false, remaining: 6, resetSeconds: 1_000_000_004, retryAfterSeconds: 3 });
  });

  test('keeps keys apart, forgets the longest unused, and resets one', () => {
    const limiter = new RateLimiter({ points: 1, windowMs: 1_000, maxKeys: 2, clock: clock() });
    for (const key of ['a', 'b']) expect(limiter.spend(key).isAllowed).toBe(true);
    expect(limiter.spend('a').isAllowed).toBe(false);
    expect(limiter.spend('c').isAllowed).toBe(true);
    expect(limiter.spend('a').isAllowed).toBe(false);
    expect(limiter.spend('b').isAllowed).toBe(true);
    limiter.reset('b');
    expect(limiter.spend('b').isAllowed).toBe(true);
  });

  test('keeps long keys apart by their whole length, and does not keep them', () => {
    const limiter = new RateLimiter({ points: 1, windowMs: 1_000, clock: clock() });
    const long = 'x'.repeat(100_000);
    expect([`${long}a`, `${long}b`, `${long}a`].map((key) => limiter.spend(key).isAllowed)).toEqual([true, true, false]);
    limiter.reset(`${long}a`);
    expect(limiter.spend(`${long}a`).isAllowed).toBe(true);
  });

  test('never gives more than its points and what time gave back', () => {
    const step = fc.record({ ms: fc.nat(700), points: fc.integer({ min: 1, max: 4 }) });
    fc.assert(fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const time = clock();
      const limiter = new RateLimiter({ points: 5, windowMs: 1_000, clock: time });
      let [given, elapsedMs] = [0, 0];
      for (const { ms, points } of steps) {
        time.advance(ms);
        elapsedMs += ms;
        if (limiter.spend('k', points).isAllowed) given += points;
        expect(given).toBeLessThanOrEqual(5 + (elapsedMs * 5) / 1_000 + 1e-3);
      }
    }));
  });

  test('tells of the bucket that is nearest to its end, in whatever order the rules stand, and of the one that refuses', () => {
    const now = clock();
    const hour = { limiter: new RateLimiter({ points: 3, windowMs: 3_600_000, clock: now }), key: () => 'a' };
    const day = { limiter: new RateLimiter({ points: 5, windowMs: 86_400_000, clock: now }), key: () => 'a' };
    const told: Record<string, string> = {};
    const request = { setHeader: (name: string, value: string) => void (told[name] = value) };
    const left = (): string => `${told['ratelimit-remaining']} of ${told['ratelimit-policy']}`;
    for (const rules of [[hour, day], [day, hour]]) {
      hour.limiter.reset('a');
      day.limiter.reset('a');
      spendAll(rules, request);
      expect(left()).toBe('2 of 3;w=3600');
      spendAll(rules, request);
      spendAll(rules, request);
      expect(() => spendAll(rules, request)).toThrow('Rate Limit Exceeded');
      expect(left()).toBe('0 of 3;w=3600');
      hour.limiter.reset('a');
      spendAll(rules, request);
      // The hour's bucket is full again but for one: it is the day's that tells now.
      expect(left()).toMatch(/^[01] of 5;w=86400$/);
    }
  });

  test('lets requests without a key pass free', () => {
    const limiter = new RateLimiter({ points: 1, windowMs: 1_000, clock: clock() });
    const request = { setHeader: () => undefined };
    for (let count = 0; count < 3; count++) spend({ limiter, key: () => null }, request);
    spend({ limiter, key: () => 'a' }, request);
    expect(() => spend({ limiter, key: () => 'a' }, request)).toThrow('Rate Limit Exceeded');
  });
});
