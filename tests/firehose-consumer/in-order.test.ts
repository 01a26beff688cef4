/** Items leave in the order in which they came, whatever the order of their verdicts. */
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { InOrder } from '../../firehose-consumer/src/in-order.ts';

test('lets the kept ones out in order and as early as it can', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 50, size: 'max' }).chain((kept) => fc.tuple(fc.constant(kept), fc.shuffledSubarray(kept.map((_, index) => index), { minLength: kept.length }))), ([kept, order]) => {
      const out: number[] = [];
      const gate = new InOrder<number>((item) => out.push(item));
      const places = kept.map((_, index) => gate.admit(index));
      const settled = new Set<number>();
      for (const index of order) {
        gate.settle(places[index] as (typeof places)[number], kept[index] as boolean);
        settled.add(index);
        const firstWaiting = kept.findIndex((_, each) => !settled.has(each));
        const free = kept.map((_, each) => each).filter((each) => (firstWaiting < 0 || each < firstWaiting) && kept[each]);
        expect(out).toEqual(free);
      }
      expect(gate.size).toBe(0);
    }),
  );
});
