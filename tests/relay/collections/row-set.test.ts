import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { emptySet, hasRow, rowsFrom, rowsPerSet, withRow, withoutRow } from '@dunlin/relay/collections/row-set';

const row = fc.integer({ min: 0, max: rowsPerSet - 1 });

test('a set is what was put in and not taken out, in whichever form', () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.boolean(), row), { maxLength: 2_000, size: 'max' }), row, (steps, from) => {
    const model = new Set<number>();
    let set = emptySet;
    for (const [isAdded, value] of steps) {
      expect(hasRow(set, value)).toBe(model.has(value));
      if (isAdded && !model.has(value)) set = withRow(set, value);
      if (!isAdded && model.has(value)) set = withoutRow(set, value);
      if (isAdded) model.add(value);
      else model.delete(value);
    }
    const sorted = [...model].sort((a, b) => a - b);
    expect(rowsFrom(set, 0)).toEqual(sorted);
    expect(rowsFrom(set, from)).toEqual(sorted.filter((value) => value >= from));
  }), { numRuns: 40 });
});

test('a list becomes a bitmap at 256 rows and a list again well below, and never takes more than 512 bytes', () => {
  let set = emptySet;
  for (let value = 0; value < 255; value++) set = withRow(set, value * 16);
  expect(set.length).toBe(510);
  set = withRow(set, 4_095);
  expect(set.length).toBe(512);
  expect(rowsFrom(set, 0).length).toBe(256);
  for (let value = 0; value < 129; value++) set = withoutRow(set, value * 16);
  expect(set.length).toBe(512);
  set = withoutRow(set, 4_095);
  expect(set.length).toBe(126 * 2);
  for (const value of rowsFrom(set, 0)) set = withoutRow(set, value);
  expect(set.length).toBe(0);
});

test('every row of a full set is found', () => {
  let set = emptySet;
  for (let value = 0; value < rowsPerSet; value++) set = withRow(set, value);
  expect(rowsFrom(set, 0)).toEqual(Array.from({ length: rowsPerSet }, (_, value) => value));
  expect(rowsFrom(set, 4_095)).toEqual([4_095]);
});
