/** The time for replays: spent, regained by its share, never more than a burst, and whoever waits is woken. */
import { expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { ReplayShare } from '@dunlin/relay/streams/replay-share';

test('after a burst everybody waits until enough is regained', () => {
  const clock = new ManualClock();
  const share = new ReplayShare(clock, 0.25);
  const woken: string[] = [];
  const one = (): void => void woken.push('one');
  expect(share.hasTime(one)).toBe(true);
  share.spend(() => clock.advance(240));
  // Of 240 ms of work the burst paid 200, and 240 ms regained 60.
  expect(share.hasTime(one)).toBe(true);
  share.spend(() => clock.advance(20));
  share.spend(() => clock.advance(8));
  expect(share.hasTime(one)).toBe(false);
  expect(share.hasTime(one)).toBe(false);
  expect(share.hasTime(() => void woken.push('two'))).toBe(false);
  const dueMs = (4 + 1) / 0.25;
  clock.advance(dueMs - 1);
  expect(woken).toEqual([]);
  clock.advance(1);
  expect(woken).toEqual(['one', 'two']);
  expect(share.hasTime(one)).toBe(true);
  clock.advance(100);
  expect(woken.length).toBe(2);
});

test('a long rest gives no more than a burst', () => {
  const clock = new ManualClock();
  const share = new ReplayShare(clock, 1);
  clock.advance(1_000_000);
  expect(share.hasTime(() => undefined)).toBe(true);
  share.spend(() => clock.advance(0));
  for (const [ms, hasTime] of [[199, true], [1, true]] as const) {
    share.spend(() => clock.advance(ms));
    expect(share.hasTime(() => undefined)).toBe(hasTime);
  }
});

test('work that throws is paid too', () => {
  const clock = new ManualClock();
  const share = new ReplayShare(clock, 0.001);
  expect(() => share.spend(() => {
    clock.advance(300);
    throw new Error('disk');
  })).toThrow('disk');
  expect(share.hasTime(() => undefined)).toBe(false);
});
