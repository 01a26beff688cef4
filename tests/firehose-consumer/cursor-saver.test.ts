/** When a cursor is saved, and what happens when that fails. */
import { expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { CursorSaver } from '../../firehose-consumer/src/cursor-saver.ts';

class Fixture {
  readonly clock = new ManualClock();
  readonly saved: number[] = [];
  readonly failures: unknown[] = [];
  cursor: number | null = null;
  answer: () => Promise<void> = () => Promise.resolve();
  readonly saver: CursorSaver;

  constructor(stored: number | null) {
    const store = {
      load: () => Promise.resolve(stored),
      save: (cursor: number) => {
        this.saved.push(cursor);
        return this.answer();
      },
    };
    this.saver = new CursorSaver(stored, { store, clock: this.clock, intervalMs: 1_000, cursor: () => this.cursor, onSaved: () => undefined, onFailed: (error) => this.failures.push(error) });
  }

  async advance(ms: number): Promise<void> {
    this.clock.advance(ms);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('saves a cursor that moved once an interval, and one that did not never', async () => {
  const fixture = new Fixture(5);
  fixture.cursor = 5;
  await fixture.advance(1_000);
  expect(fixture.saved).toEqual([]);
  fixture.cursor = 6;
  await fixture.advance(999);
  expect(fixture.saved).toEqual([]);
  await fixture.advance(1);
  await fixture.advance(5_000);
  expect(fixture.saved).toEqual([6]);
  fixture.cursor = 0;
  await fixture.saver.finish();
  expect(fixture.saved).toEqual([6, 0]);
  expect(fixture.clock.waiting).toBe(0);
});

test('never saves twice at once, and waits for the one under way at the end', async () => {
  const fixture = new Fixture(null);
  const first = Promise.withResolvers<void>();
  fixture.answer = () => first.promise;
  fixture.cursor = 1;
  await fixture.advance(1_000);
  fixture.cursor = 2;
  await fixture.advance(3_000);
  expect(fixture.saved).toEqual([1]);
  fixture.answer = () => Promise.resolve();
  const end = fixture.saver.finish();
  await new Promise((resolve) => setImmediate(resolve));
  expect(fixture.saved).toEqual([1]);
  first.resolve();
  await end;
  expect(fixture.saved).toEqual([1, 2]);
});

test('tells a failure and tries again at the next interval; at the end it rejects', async () => {
  const fixture = new Fixture(null);
  fixture.answer = () => Promise.reject(new Error('disk full'));
  fixture.cursor = 1;
  await fixture.advance(2_000);
  expect(fixture.saved.length).toBeGreaterThanOrEqual(1);
  await fixture.advance(1_000);
  expect(fixture.failures[0]).toEqual(new Error('disk full'));
  await expect(fixture.saver.finish()).rejects.toThrow('disk full');
});
