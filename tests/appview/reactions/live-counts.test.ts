/** Live counts: the first change at once, then newest only after a rest, nothing told twice, nothing left behind. */
import { beforeEach, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { LiveCounts } from '@dunlin/appview/reactions/live-counts';
import type { Frame } from '@dunlin/appview/rooms/frame';
import type { CountsView } from '@dunlin/appview/views/counts-view';

let clock: ManualClock;
let people: Map<string, number>;
let version: number;
let counts: LiveCounts;
let heard: number[];
const listener = (frame: Frame): void => void heard.push((JSON.parse(frame.text) as CountsView).people);
const change = (subject: string, count: number): void => {
  people.set(subject, count);
  version += 1;
  counts.changed(new Set([subject]));
};

beforeEach(() => {
  clock = new ManualClock();
  people = new Map();
  version = 0;
  heard = [];
  counts = new LiveCounts({ clock, restMs: 250, maxSubjects: 3, read: (subject) => ({ subject, version, people: people.get(subject) ?? 0, classes: [], values: [], totals: [] }) });
});

test('the first change is told at once, later ones together after the rest, newest only', () => {
  counts.track('a', listener);
  for (const count of [1, 2, 3, 4]) change('a', count);
  expect(heard).toEqual([1]);
  clock.advance(249);
  expect(heard).toEqual([1]);
  clock.advance(1);
  expect(heard).toEqual([1, 4]);
  clock.advance(100);
  change('a', 5);
  clock.advance(149);
  expect(heard).toEqual([1, 4]);
  clock.advance(1);
  expect(heard).toEqual([1, 4, 5]);
});

test('a change is told no later than 500 ms after it, however many come', () => {
  counts.track('a', listener);
  for (let count = 1; count <= 100; count++) {
    change('a', count);
    clock.advance(10);
    expect(count - (heard.at(-1) ?? 0)).toBeLessThanOrEqual(50);
  }
});

test('a change that leaves the counts as they were is not told', () => {
  counts.track('a', listener);
  change('a', 0);
  clock.advance(1_000);
  expect(heard).toEqual([]);
});

test('who tracks gets the counts of now, and only those who track are told', () => {
  people.set('a', 7);
  expect(JSON.parse(counts.track('a', listener)?.text ?? '')).toMatchObject({ $type: '#counts', subject: 'a', people: 7 });
  counts.track('a', listener);
  change('b', 1);
  counts.untrack('a', listener);
  change('a', 8);
  clock.advance(1_000);
  expect([heard, counts.size]).toEqual([[], 0]);
});

test('one who stops while a change waits is not told, another is', () => {
  const others: number[] = [];
  counts.track('a', listener);
  counts.track('a', () => void others.push(1));
  change('a', 1);
  change('a', 2);
  counts.untrack('a', listener);
  clock.advance(250);
  expect([heard, others.length]).toEqual([[1], 2]);
});

test('as many subjects are tracked as the bound says, not one more', () => {
  expect(['a', 'b', 'c', 'd', 'a'].map((subject) => counts.track(subject, listener) !== null)).toEqual([true, true, true, false, true]);
});

test('no timer is left when all is told', () => {
  counts.track('a', listener);
  change('a', 1);
  change('a', 2);
  clock.advance(250);
  expect(clock.waiting).toBe(0);
  change('a', 3);
  counts.close();
  expect(clock.waiting).toBe(0);
});

test('a subject that takes long to count is counted no more than a fifth of the time', () => {
  const slow = new LiveCounts({
    clock, restMs: 250,
    read: (subject) => {
      clock.advance(100);
      return { subject, version, people: people.get(subject) ?? 0, classes: [], values: [], totals: [] };
    },
  });
  slow.track('a', listener);
  for (let count = 1; count <= 40; count++) {
    people.set('a', count);
    slow.changed(new Set(['a']));
    clock.advance(50);
  }
  clock.advance(1_000);
  expect(heard.at(-1)).toBe(40);
  expect(heard.length).toBeLessThanOrEqual(6);
  slow.close();
});

/** How long the second of two changes waits behind the first while so many listen, in ms. */
const many = (count: number): number => {
  const crowd = new LiveCounts({ clock, read: (subject) => ({ subject, version, people: people.get(subject) ?? 0, classes: [], values: [], totals: [] }) });
  for (let each = 0; each < count; each++) crowd.track('a', () => void (told = clock.elapsedMs()));
  let told = 0;
  const tell = (): void => crowd.changed(new Set(['a']));
  people.set('a', (people.get('a') ?? 0) + 1);
  tell();
  const first = told;
  people.set('a', (people.get('a') ?? 0) + 1);
  tell();
  clock.advance(2_000);
  crowd.close();
  return told - first;
};

test('the rest grows with how many listen, to half a second and no further', () => {
  expect([many(1), many(2_000), many(8_000), many(20_000)]).toEqual([100, 200, 500, 500]);
});

test('two subjects rest each for itself', () => {
  counts.track('a', listener);
  counts.track('b', listener);
  change('a', 1);
  clock.advance(200);
  change('b', 2);
  change('b', 3);
  change('a', 4);
  clock.advance(50);
  expect(heard).toEqual([1, 2, 4]);
  clock.advance(200);
  expect(heard).toEqual([1, 2, 4, 3]);
});
