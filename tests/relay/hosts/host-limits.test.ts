import { expect, test } from '@jest/globals';
import { HostBudget, ordinaryLimits } from '@dunlin/relay/hosts/host-limits';

test('lets a burst of one span through, then asks for a wait that fits the rate', () => {
  const budget = new HostBudget(() => ({ perSecond: 50, perHour: 1e6, perDay: 1e6 }), 0);
  for (let i = 0; i < 50; i++) expect(budget.charge(0)).toBe(0);
  expect(budget.charge(0)).toBe(20);
  expect(budget.charge(0)).toBe(40);
  expect(budget.charge(1000)).toBe(0);
});

test('holds the slowest span that is used up', () => {
  const budget = new HostBudget(() => ({ perSecond: 50, perHour: 3, perDay: 100 }), 0);
  for (let i = 0; i < 3; i++) expect(budget.charge(0)).toBe(0);
  expect(budget.charge(0)).toBe(1_200_000);
});

test('never saves up more than one span', () => {
  const budget = new HostBudget(() => ({ perSecond: 2, perHour: 1e6, perDay: 1e6 }), 0);
  const waits = [1, 2, 3].map(() => budget.charge(60_000));
  expect(waits).toEqual([0, 0, 500]);
});

test('grows with the accounts of a host', () => {
  expect(ordinaryLimits(0)).toEqual({ perSecond: 50, perHour: 2_500, perDay: 20_000 });
  expect(ordinaryLimits(100_000)).toEqual({ perSecond: 150, perHour: 102_500, perDay: 1_020_000 });
  expect(ordinaryLimits(1_000, { perSecond: 5, perHour: 6, perDay: 7 })).toEqual({ perSecond: 6, perHour: 1_006, perDay: 10_007 });
});
