/** The cursor against a plain model: the highest seq with nothing open at or below it. */
import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { CursorTracker } from '../../firehose-consumer/src/cursor.ts';
import type { OpenEvent } from '../../firehose-consumer/src/cursor.ts';

describe('the cursor', () => {
  test('is the one of the model after any opening, skipping and closing', () => {
    const step = fc.record({ what: fc.constantFrom('open', 'open', 'skip', 'close', 'close'), gap: fc.integer({ min: 1, max: 3 }), pick: fc.nat() });
    fc.assert(
      fc.property(fc.option(fc.nat(1_000), { nil: null }), fc.array(step, { maxLength: 200, size: 'max' }), (start, steps) => {
        const tracker = new CursorTracker(start);
        let seq = start ?? 0;
        let open: OpenEvent[] = [];
        const seen: number[] = start === null ? [] : [start];
        for (const { what, gap, pick } of steps) {
          if (what === 'close') {
            const event = open[pick % Math.max(1, open.length)];
            if (!event) continue;
            tracker.close(event);
            tracker.close(event);
            open = open.filter((each) => each !== event);
          } else {
            seq += gap;
            seen.push(seq);
            if (what === 'open') open.push(tracker.open(seq));
            else tracker.skip(seq);
          }
          const lowestOpen = Math.min(...open.map((each) => each.seq));
          expect(tracker.cursor).toBe(seen.filter((each) => each < lowestOpen).at(-1) ?? null);
          expect(tracker.openCount).toBe(open.length);
          expect(tracker.lastSeq).toBe(seen.at(-1) ?? null);
        }
      }),
    );
  });

  test('stays below an event that never closes', () => {
    const tracker = new CursorTracker(7);
    tracker.open(8);
    for (let seq = 9; seq < 5_000; seq++) tracker.close(tracker.open(seq));
    expect(tracker.cursor).toBe(7);
    expect(tracker.openCount).toBe(1);
  });
});

test('a seq that does not rise is our own mistake', () => {
  const tracker = new CursorTracker(5);
  expect(() => tracker.open(5)).toThrow('seq did not rise');
  expect(() => tracker.skip(4)).toThrow('seq did not rise');
  expect(() => tracker.open(6)).not.toThrow();
});
