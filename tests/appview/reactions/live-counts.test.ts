/** Live counts: the first change at once, then newest only per flush, nothing told twice, nothing left behind. */
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
  counts = new LiveCounts({ clock, flushMs: 250, maxSubjects: 3, read: (subject) => ({ subject, version, people: people.get(subject) ?? 0, classes: [], values: [], totals: [] }) });
});

test('the first change is told at once, later ones together when the flush comes, newest only', () => {
  counts.track('a', listener);
  for (const count of [1, 2, 3, 4]) change('a', count);
  expect(heard).toEqual([1]);
  clock.advance(249);
  expect(heard).toEqual([1]);
  clock.advance(1);
  expect(heard).toEqual([1, 4]);
  change('a', 5);
  expect(heard).toEqual([1, 4]);
  clock.advance(250);
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
    clock, flushMs: 250,
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
