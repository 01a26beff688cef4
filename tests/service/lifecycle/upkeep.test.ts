/** Upkeep: one look at a time, none lost, and an end that waits. */
import { expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { startUpkeep, type Upkeep } from '@dunlin/service/lifecycle/upkeep';

/** Upkeep whose looks wait to be let go, one after another. */
function start(): { clock: ManualClock; upkeep: Upkeep; faults: unknown[]; looks: { signal: AbortSignal; settle: (fault?: unknown) => void }[]; turn: () => Promise<void> } {
  const clock = new ManualClock();
  const [faults, looks]: [unknown[], ReturnType<typeof start>['looks']] = [[], []];
  const work = (signal: AbortSignal): Promise<void> => new Promise((resolve, reject) => {
    looks.push({ signal, settle: (fault) => (fault === undefined ? resolve() : reject(fault)) });
  });
  const upkeep = startUpkeep({ clock, everyMs: 1_000, work, onFault: (fault) => void faults.push(fault) });
  return { clock, upkeep, faults, looks, turn: () => new Promise((resolve) => void setImmediate(resolve)) };
}

test('looks when the time has come, and not before', () => {
  const { clock, looks } = start();
  clock.advance(999);
  expect(looks).toHaveLength(0);
  clock.advance(1);
  expect(looks).toHaveLength(1);
});

test('looks once more after a look during which it was asked to, however often that was', async () => {
  const { clock, upkeep, looks, turn } = start();
  upkeep.nudge();
  upkeep.nudge();
  clock.advance(5_000);
  expect(looks).toHaveLength(1);
  looks[0]!.settle();
  await turn();
  expect(looks).toHaveLength(2);
  looks[1]!.settle();
  await turn();
  expect(looks).toHaveLength(2);
  upkeep.nudge();
  expect(looks).toHaveLength(3);
});

test('a look that fails is told of, and the next one comes', async () => {
  const { clock, faults, looks, turn } = start();
  clock.advance(1_000);
  looks[0]!.settle(new Error('disk full'));
  await turn();
  expect(faults).toEqual([new Error('disk full')]);
  clock.advance(1_000);
  expect(looks).toHaveLength(2);
});

test('the end tells the look under way, waits for it, and lets none follow', async () => {
  const { clock, upkeep, looks, turn } = start();
  upkeep.nudge();
  upkeep.nudge();
  let hasEnded = false;
  const ending = upkeep.end().then(() => (hasEnded = true));
  await turn();
  expect([looks[0]!.signal.aborted, hasEnded]).toEqual([true, false]);
  looks[0]!.settle();
  await ending;
  clock.advance(10_000);
  upkeep.nudge();
  await turn();
  expect([looks.length, clock.waiting]).toEqual([1, 0]);
});
