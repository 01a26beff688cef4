/** When the brake is put on and let go. */
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { Budget } from '../../firehose-consumer/src/budget.ts';

test('is full at the bound and not one byte before, free below half and not at half', () => {
  const said: string[] = [];
  const budget = new Budget({ maxBytes: 100, onFull: () => said.push('full'), onFree: () => said.push('free') });
  budget.charge(99);
  expect([said, budget.isFull]).toEqual([[], false]);
  budget.charge(1);
  expect([said, budget.isFull]).toEqual([['full'], true]);
  budget.charge(50);
  budget.refund(100);
  expect(said).toEqual(['full']);
  budget.refund(1);
  expect([said, budget.isFull, budget.heldBytes]).toEqual([['full', 'free'], false, 49]);
});

test('says full and free in turns, whatever is charged and refunded', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -50, max: 50 }), { maxLength: 200, size: 'max' }), (changes) => {
      const said: string[] = [];
      const budget = new Budget({ maxBytes: 100, onFull: () => said.push('full'), onFree: () => said.push('free') });
      for (const change of changes) {
        if (change >= 0) budget.charge(change);
        else budget.refund(Math.min(-change, budget.heldBytes));
        expect(budget.isFull).toBe(said.at(-1) === 'full');
        if (!budget.isFull) expect(budget.heldBytes).toBeLessThan(100);
        else expect(budget.heldBytes).toBeGreaterThanOrEqual(50);
      }
      expect(said.every((word, index) => word === (index % 2 === 0 ? 'full' : 'free'))).toBe(true);
    }),
  );
});

test('more refunded than charged is our own mistake', () => {
  const budget = new Budget({ maxBytes: 1, onFull: () => undefined, onFree: () => undefined });
  expect(() => budget.refund(1)).toThrow('refunded more');
});
