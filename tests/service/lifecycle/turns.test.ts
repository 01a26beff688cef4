/** Work on one thing takes turns; work on another does not wait; nothing stays behind. */
import { expect, test } from '@jest/globals';
import { Turns } from '@dunlin/service/lifecycle/turns';

test('work under one key goes one after the other, also behind work that fails; another key does not wait', async () => {
  const turns = new Turns();
  const order: string[] = [];
  const first = Promise.withResolvers<void>();
  const failing = turns.run('a', async () => {
    await first.promise;
    order.push('a1');
    throw new Error('no');
  });
  const second = turns.run('a', async () => order.push('a2'));
  await turns.run('b', async () => order.push('b'));
  expect([turns.isBusy('a'), turns.isBusy('b')]).toEqual([true, false]);
  first.resolve();
  await expect(failing).rejects.toThrow('no');
  await second;
  expect(order).toEqual(['b', 'a1', 'a2']);
  expect(turns.isBusy('a')).toBe(false);
});
