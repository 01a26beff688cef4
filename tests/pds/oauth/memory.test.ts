/** What OAuth keeps in memory: used proofs and second steps owed, each until its time and within its bound. */
import { ManualClock } from '@dunlin/protocol/base/clock';
import type { DeviceId } from '@atproto/oauth-provider/store';
import { maxReplayMs, maxReplayNames, ReplayNames } from '../../../pds/src/oauth/replay-store.ts';
import { maxSecondSteps, secondStepMs, SecondSteps } from '../../../pds/src/oauth/second-steps.ts';

test('a name is used once within its time, each namespace for itself', () => {
  const clock = new ManualClock();
  const names = new ReplayNames(clock);
  expect(names.unique('DPoP', 'a', 1_000)).toBe(true);
  expect(names.unique('DPoP', 'a', 1_000)).toBe(false);
  expect(names.unique('JAR', 'a', 1_000)).toBe(true);
  clock.advance(1_000);
  expect(names.unique('DPoP', 'a', 1_000)).toBe(false);
  clock.advance(1_001);
  expect(names.unique('DPoP', 'a', 1_000)).toBe(true);
});

test('a client cannot have its names remembered for ever', () => {
  const clock = new ManualClock();
  const names = new ReplayNames(clock);
  names.unique('Auth', 'a', Number.MAX_SAFE_INTEGER);
  clock.advance(maxReplayMs + 1);
  expect(names.unique('Auth', 'a', 1_000)).toBe(true);
});

test('a full memory forgets the oldest name, and refuses nobody', () => {
  const names = new ReplayNames(new ManualClock());
  for (let number = 0; number <= maxReplayNames; number++) expect(names.unique('DPoP', String(number), 1_000)).toBe(true);
  expect(names.unique('DPoP', String(maxReplayNames), 1_000)).toBe(false);
  expect(names.unique('DPoP', '0', 1_000)).toBe(true);
});

test('a second step is owed for ten minutes, by the account that came last on a device', () => {
  const clock = new ManualClock();
  const steps = new SecondSteps(clock);
  const device = 'dev-1' as DeviceId;
  expect(steps.owed(device)).toBeNull();
  steps.begin(device, 1);
  steps.begin(device, 2);
  clock.advance(secondStepMs);
  expect(steps.owed(device)).toBe(2);
  clock.advance(1);
  expect(steps.owed(device)).toBeNull();
  steps.begin(device, 1);
  steps.end(device);
  expect(steps.owed(device)).toBeNull();
});

test('so many second steps are owed at once', () => {
  const steps = new SecondSteps(new ManualClock());
  for (let number = 0; number <= maxSecondSteps; number++) steps.begin(`dev-${number}` as DeviceId, number);
  expect(steps.owed('dev-0' as DeviceId)).toBeNull();
  expect(steps.owed('dev-1' as DeviceId)).toBe(1);
});
