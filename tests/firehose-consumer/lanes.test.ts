/** Guarantee 1 in the small: order per key, side by side over keys, bounded. */
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { Lanes } from '../../firehose-consumer/src/lanes.ts';

interface Work {
  key: string;
  id: number;
  /** How many turns of the microtask queue it takes; 0 is done at once. */
  turns: number;
}

const noFault = (error: unknown): never => {
  throw error;
};

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
}

describe('lanes', () => {
  test('keep the order of each key and the bound, for any work that takes any time', async () => {
    const work = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'e'), turns: fc.integer({ min: 0, max: 6 }), pause: fc.integer({ min: 0, max: 3 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(work, { maxLength: 60, size: 'max' }), fc.integer({ min: 1, max: 4 }), async (plan, concurrency) => {
        const running = new Set<string>();
        const done: Work[] = [];
        let widest = 0;
        const lanes = new Lanes<Work>({
          concurrency,
          onFault: noFault,
          work: (item) => {
            expect(running.has(item.key)).toBe(false);
            running.add(item.key);
            widest = Math.max(widest, running.size);
            const end = (): void => {
              running.delete(item.key);
              done.push(item);
            };
            return item.turns === 0 ? end() : turns(item.turns).then(end);
          },
        });
        for (const [id, { key, turns: takes, pause }] of plan.entries()) {
          lanes.push(key, { key, id, turns: takes });
          await turns(pause);
        }
        await lanes.idle();
        expect(widest).toBeLessThanOrEqual(concurrency);
        expect(done).toHaveLength(plan.length);
        for (const key of 'abcde') {
          const ids = done.filter((item) => item.key === key).map((item) => item.id);
          expect(ids).toEqual(ids.toSorted((a, b) => a - b));
        }
        expect(lanes.size).toBe(0);
      }),
    );
  });

  test('do work at once when it needs no waiting', () => {
    const done: number[] = [];
    const lanes = new Lanes<number>({ concurrency: 1, work: (item) => void done.push(item), onFault: noFault });
    for (let item = 0; item < 1_000; item++) lanes.push('key', item);
    expect(done).toHaveLength(1_000);
    expect(lanes.size).toBe(0);
  });

  test('run other keys beside one that hangs, and let a busy key take turns', async () => {
    const begun: string[] = [];
    const ends: (() => void)[] = [];
    const lanes = new Lanes<string>({
      concurrency: 2,
      onFault: noFault,
      work: (item) => {
        begun.push(item);
        return new Promise((resolve) => ends.push(resolve));
      },
    });
    for (const item of ['a1', 'a2', 'a3', 'b1', 'c1']) lanes.push(item[0] as string, item);
    expect(begun).toEqual(['a1', 'b1']);
    ends[0]?.();
    await turns(5);
    expect(begun).toEqual(['a1', 'b1', 'c1']);
    ends[1]?.();
    await turns(5);
    expect(begun).toEqual(['a1', 'b1', 'c1', 'a2']);
  });

  test('tell of work that throws or rejects, and go on', async () => {
    const faults: unknown[] = [];
    const done: number[] = [];
    const lanes = new Lanes<number>({
      concurrency: 1,
      onFault: (error) => faults.push(error),
      work: (item) => {
        if (item === 1) throw new Error('thrown');
        if (item === 2) return Promise.reject(new Error('rejected'));
        done.push(item);
      },
    });
    for (const item of [1, 2, 3, 1]) lanes.push('key', item);
    await lanes.idle();
    expect(faults).toEqual([new Error('thrown'), new Error('rejected'), new Error('thrown')]);
    expect(done).toEqual([3]);
  });

  test('forget what has not begun when cleared, and are idle when the rest has ended', async () => {
    const begun: string[] = [];
    const end = Promise.withResolvers<void>();
    const lanes = new Lanes<string>({
      concurrency: 1,
      onFault: noFault,
      work: (item) => {
        begun.push(item);
        return end.promise;
      },
    });
    for (const item of ['a1', 'a2', 'b1', 'b2']) lanes.push(item[0] as string, item);
    lanes.clear();
    let isIdle = false;
    void lanes.idle().then(() => (isIdle = true));
    await turns(5);
    expect(isIdle).toBe(false);
    end.resolve();
    await lanes.idle();
    expect(begun).toEqual(['a1']);
    await expect(lanes.idle()).resolves.toBeUndefined();
  });

  test('refuse a concurrency of none', () => {
    expect(() => new Lanes({ concurrency: 0, work: () => undefined, onFault: noFault })).toThrow('lanes need a concurrency');
  });
});
