/** The bound of all filters together, those that wait to be used among them. */
import { expect, test } from '@jest/globals';
import { FilterBudget } from '@dunlin/relay/streams/filter-budget';
import type { Filter } from '@dunlin/relay/streams/filter';

const filter = (costBytes: number): Filter => ({ costBytes }) as Filter;

test('counts what feeds use and what waits, to the byte, and a released filter once', () => {
  let usedBytes = 40;
  const budget = new FilterBudget(100, () => usedBytes);
  expect([budget.hasRoomFor(filter(60)), budget.hasRoomFor(filter(61))]).toEqual([true, false]);
  const release = budget.hold(filter(50));
  expect([budget.hasRoomFor(filter(10)), budget.hasRoomFor(filter(11))]).toEqual([true, false]);
  expect(() => budget.check(filter(11))).toThrow('too many filters');
  release();
  release();
  expect([budget.hasRoomFor(filter(60)), budget.hasRoomFor(filter(61))]).toEqual([true, false]);
  usedBytes = 0;
  expect(budget.hasRoomFor(filter(100))).toBe(true);
});
