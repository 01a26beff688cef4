/** Bounds and growth of the waiting times. */
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { Backoff } from '../../firehose-consumer/src/backoff.ts';

test('a wait lies in [0, min × 2^n), with max as the ceiling', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5_000 }), fc.integer({ min: 0, max: 100_000 }), fc.array(fc.double({ min: 0, max: 0.999_999, noNaN: true }), { minLength: 1, maxLength: 60, size: 'max' }), (minMs, more, draws) => {
      let at = 0;
      const backoff = new Backoff({ minMs, maxMs: minMs + more, random: () => draws[at] as number });
      for (; at < draws.length; at++) {
        const ms = backoff.nextMs();
        expect(Number.isInteger(ms)).toBe(true);
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThan(Math.min(minMs + more, minMs * 2 ** at));
        expect(backoff.attempts).toBe(at + 1);
      }
    }),
  );
});

test('a reset narrows the next wait to the minimum', () => {
  const backoff = new Backoff({ minMs: 100, maxMs: 10_000, random: () => 0.999 });
  expect([backoff.nextMs(), backoff.nextMs(), backoff.nextMs()]).toEqual([99, 199, 399]);
  backoff.reset();
  expect(backoff.nextMs()).toBe(99);
});

test('bounds that cannot be are refused', () => {
  expect(() => new Backoff({ minMs: 0, maxMs: 1 })).toThrow('back-off bounds');
  expect(() => new Backoff({ minMs: 2, maxMs: 1 })).toThrow('back-off bounds');
  expect(() => new Backoff({ minMs: 1, maxMs: 1 })).not.toThrow();
});
