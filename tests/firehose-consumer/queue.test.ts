/** A queue is an array that forgets its front. */
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { Queue } from '../../firehose-consumer/src/queue.ts';

test('gives what an array would, for any sequence of pushes, shifts and clears', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof({ weight: 50, arbitrary: fc.nat() }, { weight: 45, arbitrary: fc.constant('shift') }, { weight: 1, arbitrary: fc.constant('clear') }), { maxLength: 500, size: 'max' }), (steps) => {
      const queue = new Queue<number>();
      const model: number[] = [];
      for (const step of steps) {
        if (step === 'shift') expect(queue.shift()).toBe(model.shift());
        else if (step === 'clear') {
          queue.clear();
          model.length = 0;
        } else {
          queue.push(step as number);
          model.push(step as number);
        }
        expect([queue.size, queue.first, queue.last]).toEqual([model.length, model[0], model.at(-1)]);
      }
    }),
  );
});

test('keeps its order across the cutting of its front', () => {
  const queue = new Queue<number>();
  for (let value = 0; value < 5_000; value++) queue.push(value);
  expect(Array.from({ length: 4_999 }, () => queue.shift()).every((value, index) => value === index)).toBe(true);
  queue.push(5_000);
  expect([queue.shift(), queue.shift(), queue.shift()]).toEqual([4_999, 5_000, undefined]);
});
