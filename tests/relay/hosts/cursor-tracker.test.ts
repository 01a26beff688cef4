import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { CursorTracker } from '@dunlin/relay/hosts/cursor-tracker';

test('gives the highest seq with nothing open at or below, in whatever order events end', () => {
  fc.assert(fc.property(fc.uniqueArray(fc.integer({ min: 11, max: 5000 }), { minLength: 1, maxLength: 200 }), fc.infiniteStream(fc.nat()), (seqs, picks) => {
    seqs.sort((a, b) => a - b);
    const tracker = new CursorTracker(10);
    const open = seqs.map((seq) => tracker.open(seq));
    expect(tracker.lastSeq).toBe(seqs.at(-1));
    const unsettled = new Set(open);
    while (unsettled.size > 0) {
      const chosen = [...unsettled][(picks.next().value ?? 0) % unsettled.size];
      if (!chosen) break;
      unsettled.delete(chosen);
      tracker.settle(chosen);
      const lowestOpen = Math.min(...[...unsettled].map((event) => event.seq));
      expect(tracker.cursor).toBe(seqs.filter((seq) => seq < lowestOpen).at(-1) ?? 10);
    }
    expect(tracker.waiting).toBe(0);
  }), { numRuns: 50 });
});

test('lets go of what is settled', () => {
  const tracker = new CursorTracker(0);
  for (let seq = 1; seq <= 100_000; seq++) tracker.settle(tracker.open(seq));
  expect([tracker.cursor, tracker.waiting]).toEqual([100_000, 0]);
});
