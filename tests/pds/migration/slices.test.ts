/** How an import is cut into pieces between which others have their turn. */
import { expect, test } from '@jest/globals';
import { sliceBytes, sliceLength, slices } from '../../../pds/src/migration/slices.ts';

const lengths = (items: number[], weigh?: (item: number) => number): number[] => [...slices(items, weigh)].map(({ length }) => length);

test('a slice has at most so many items', () => {
  expect(lengths([])).toEqual([]);
  expect(lengths(Array<number>(sliceLength).fill(1))).toEqual([sliceLength]);
  expect(lengths(Array<number>(sliceLength + 1).fill(1))).toEqual([sliceLength, 1]);
});

test('a slice ends with the item that brings it to so many bytes, and has one at least', () => {
  const weigh = (item: number): number => item;
  expect(lengths([sliceBytes - 1, 1, 1], weigh)).toEqual([2, 1]);
  expect(lengths([sliceBytes - 2, 1, 1], weigh)).toEqual([3]);
  expect(lengths([10 * sliceBytes, 10 * sliceBytes], weigh)).toEqual([1, 1]);
});

test('every item comes once, in order', () => {
  const items = Array.from({ length: 1_000 }, (_, index) => index);
  expect([...slices(items, (item) => item * 1_000)].flat()).toEqual(items);
});
