/** Work on many things, some at a time. */
import { expect, test } from '@jest/globals';
import { sideBySide } from '../../../pds/src/blob/side-by-side.ts';

test('does everything once, as many at a time as it may and never more', async () => {
  const done: number[] = [];
  let [now, most] = [0, 0];
  await sideBySide(Array.from({ length: 20 }, (_, index) => index), 3, async (item) => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => void setImmediate(resolve));
    now--;
    done.push(item);
  });
  expect([done.toSorted((a, b) => a - b), most, now]).toEqual([Array.from({ length: 20 }, (_, index) => index), 3, 0]);
});

test('begins nothing further after a fault, and throws it when all under way has ended', async () => {
  const ended: number[] = [];
  const work = sideBySide([0, 1, 2, 3, 4, 5], 2, async (item) => {
    await new Promise((resolve) => void setImmediate(resolve));
    if (item === 2) throw new Error('no');
    await new Promise((resolve) => void setImmediate(resolve));
    ended.push(item);
  });
  await expect(work).rejects.toThrow('no');
  expect(ended).toEqual([0, 1, 3]);
});
