/** When a feed flushes: at once when idle, gathered under load, never later than told. */
import { expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { Pacer } from '@dunlin/relay/streams/pacer';

function build(): { clock: ManualClock; pacer: Pacer; due: () => number } {
  const clock = new ManualClock();
  let due = 0;
  return { clock, pacer: new Pacer(clock, 5, () => void (due += 1)), due: () => due };
}

test('the first bytes are due at once, and so are the next while flushes cost nothing', () => {
  const { pacer, due } = build();
  pacer.gather(10);
  expect([due(), pacer.isDue]).toEqual([1, true]);
  pacer.flushing(0);
  expect(pacer.isDue).toBe(false);
  pacer.flushed(0);
  pacer.gather(10);
  expect([due(), pacer.isDue]).toEqual([2, true]);
});

test('after a costly flush bytes wait four times its cost, at most the longest wait', () => {
  for (const [costMs, waitMs] of [[1, 4], [1.25, 5], [100, 5]] as const) {
    const { clock, pacer, due } = build();
    pacer.flushed(costMs);
    pacer.gather(10);
    pacer.gather(10);
    clock.advance(waitMs - 1);
    expect([due(), pacer.isDue]).toEqual([0, false]);
    clock.advance(1);
    expect([due(), pacer.isDue]).toEqual([1, true]);
  }
});

test('many bytes do not wait', () => {
  const { pacer, due } = build();
  pacer.flushed(100);
  pacer.gather(65_535);
  expect(due()).toBe(0);
  pacer.gather(1);
  expect([due(), pacer.isDue]).toEqual([1, true]);
});

test('what is left of a flush is due, and a reset forgets all', () => {
  const { clock, pacer } = build();
  pacer.gather(10);
  pacer.flushing(4);
  expect(pacer.isDue).toBe(true);
  pacer.flushing(0);
  pacer.flushed(100);
  pacer.gather(10);
  pacer.reset();
  clock.advance(10);
  expect([pacer.isDue, clock.waiting]).toEqual([false, 0]);
});
