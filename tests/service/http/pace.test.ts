/** A least pace: both sides of its bound, and readers of what is made for them. */
import { expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { atPace, Pace, TooSlowError } from '@dunlin/service/http/pace';

const rule = { leastBytes: 100, windowMs: 1_000 };

test('is kept by who brings enough before a window is over, and begins anew then', () => {
  const pace = new Pace(rule);
  expect(pace.took({ waitedMs: 999, bytes: 99 })).toBe(true);
  expect(pace.leftMs).toBe(1);
  expect(pace.took({ waitedMs: 1, bytes: 1 })).toBe(true);
  expect(pace.leftMs).toBe(1_000);
  expect(pace.took({ waitedMs: 999, bytes: 99 })).toBe(true);
  expect(pace.took({ waitedMs: 1, bytes: 0 })).toBe(false);
});

test.each([[99, 10], [100, 3]])('a reader that takes a piece of 34 bytes every %i ms in a window of 300 gets %i of 10', async (everyMs, wanted) => {
  const clock = new ManualClock();
  const taken: number[] = [];
  const made = (async function* () {
    for (let n = 0; n < 10; n++) {
      // Our own time is not the reader's.
      clock.advance(5_000);
      yield Buffer.alloc(34, n);
    }
  })();
  const reading = (async () => {
    for await (const piece of atPace(made, { rule: { leastBytes: 103, windowMs: 300 }, clock })) {
      taken.push(piece[0]!);
      clock.advance(everyMs);
    }
  })();
  if (wanted < 10) await expect(reading).rejects.toThrow(TooSlowError);
  else await reading;
  expect(taken).toHaveLength(wanted);
});
