import { describe, expect, test } from '@jest/globals';
import { ManualClock, systemClock } from '@dunlin/protocol/base/clock';

describe('manual clock', () => {
  test('fires timers in order of their due time, then of their making, each at its own time', () => {
    const clock = new ManualClock(1_000);
    const fired: string[] = [];
    const note = (name: string) => () => void fired.push(`${name}@${clock.nowMs()}`);
    clock.after(20, note('late'));
    clock.after(10, note('first'));
    clock.after(10, note('second'));
    clock.every(8, note('tick'));
    clock.advance(20);
    expect(fired).toEqual(['tick@1008', 'first@1010', 'second@1010', 'tick@1016', 'late@1020']);
    expect(clock.nowMs()).toBe(1_020);
    expect(clock.elapsedMs()).toBe(20);
  });

  test('does not fire before the time, nor after a cancel', () => {
    const clock = new ManualClock();
    let fired = 0;
    const timer = clock.after(10, () => fired++);
    const ticker = clock.every(5, () => fired++);
    clock.advance(4);
    expect(fired).toBe(0);
    timer.cancel();
    ticker.cancel();
    clock.advance(100);
    expect(fired).toBe(0);
    expect(clock.waiting).toBe(0);
  });

  test('a timer that sets a timer is followed within one advance', () => {
    const clock = new ManualClock();
    const at: number[] = [];
    clock.after(1, () => clock.after(1, () => at.push(clock.elapsedMs())));
    clock.advance(2);
    expect(at).toEqual([2]);
  });

  test('sleeping ends in time, or with the reason of the signal', async () => {
    const clock = new ManualClock();
    const slept = clock.sleep(5);
    clock.advance(5);
    await slept;
    const stop = new AbortController();
    const aborted = clock.sleep(5, stop.signal);
    stop.abort(new Error('stopped'));
    await expect(aborted).rejects.toThrow('stopped');
    await expect(clock.sleep(5, stop.signal)).rejects.toThrow('stopped');
    expect(clock.waiting).toBe(0);
  });

  test('setting the wall clock moves neither timers nor the monotonic clock', () => {
    const clock = new ManualClock(1_000);
    clock.advance(10);
    clock.setNow(500);
    expect([clock.nowMs(), clock.elapsedMs()]).toEqual([500, 10]);
  });

  test('time does not go back', () => {
    expect(() => new ManualClock().advance(-1)).toThrow('time does not go back');
  });
});

describe('system clock', () => {
  test('goes forward, fires and sleeps', async () => {
    const before = systemClock.elapsedMs();
    await systemClock.sleep(1);
    await new Promise<void>((resolve) => {
      systemClock.after(1, resolve);
    });
    expect(systemClock.elapsedMs()).toBeGreaterThan(before);
    expect(Number.isInteger(systemClock.nowMs())).toBe(true);
  });

  test('repeats until it is cancelled', async () => {
    let ticks = 0;
    await new Promise<void>((resolve) => {
      const timer = systemClock.every(1, () => {
        ticks += 1;
        if (ticks < 2) return;
        timer.cancel();
        resolve();
      }, { unref: false });
    });
    expect(ticks).toBe(2);
  });

  test.each([-1, 2 ** 31, NaN])('refuses a wait of %d ms', (ms) => {
    expect(() => systemClock.after(ms, () => undefined)).toThrow('timer out of range');
  });
});
