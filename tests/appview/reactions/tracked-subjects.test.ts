/** What one client tracks: its own bound, the bound of its address, and nothing left behind whatever is refused. */
import { beforeEach, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { LiveCounts } from '@dunlin/appview/reactions/live-counts';
import { TrackedSubjects } from '@dunlin/appview/reactions/tracked-subjects';

let counts: LiveCounts;
const pages = (from: number, count: number): string[] => Array.from({ length: count }, (_, number) => `https://example.com/${from + number}`);
const client = (address: string): TrackedSubjects => new TrackedSubjects(counts, { max: 4, address }, () => undefined);
const refused = (message: string): unknown => ({ error: 'TooManySubjects', message });

beforeEach(() => {
  counts = new LiveCounts({ clock: new ManualClock(), maxSubjects: 8, maxSubjectsPerAddress: 6, read: (subject) => ({ subject, version: 0, people: 0, classes: [], values: [], totals: [] }) });
});

test('clients of one address have a bound together, those of another are not touched', () => {
  const [first, second, stranger] = [client('192.0.2.1'), client('192.0.2.1'), client('192.0.2.2')];
  expect(first.add(pages(0, 4))).toHaveProperty('subjects');
  expect(second.add(pages(0, 3))).toEqual(refused('your address tracks all the subjects it may'));
  expect(second.add(pages(0, 2))).toHaveProperty('subjects');
  expect(stranger.add(pages(0, 4))).toHaveProperty('subjects');
});

test('what a client lets go of, or was refused, its address has again', () => {
  const [first, second, third] = [client('192.0.2.1'), client('192.0.2.1'), client('192.0.2.2')];
  first.add(pages(0, 4));
  third.add(pages(10, 3));
  // Two are free for the address and one for all: refused, and nothing is held.
  expect(second.add(pages(20, 2))).toEqual(refused('this gateway tracks all the subjects it can'));
  expect([second.size, counts.size]).toEqual([0, 7]);
  expect(second.add([...pages(0, 1), ...pages(20, 1)])).toHaveProperty('subjects');
  first.remove(pages(0, 1));
  second.clear();
  first.clear();
  third.clear();
  expect(second.add(pages(30, 4))).toHaveProperty('subjects');
  expect(first.add(pages(30, 2))).toHaveProperty('subjects');
  expect(first.add(pages(32, 1))).toEqual(refused('your address tracks all the subjects it may'));
});
