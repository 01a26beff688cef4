/** Places of repositories that are coming: bounded, and after a while no longer kept from others by who comes slowest. */
import { beforeEach, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { Arrivals, longAfterMs, maxImportsAtOnce, type Arrival } from '../../../pds/src/migration/arrivals.ts';

let clock: ManualClock;
let arrivals: Arrivals;
beforeEach(() => {
  clock = new ManualClock();
  arrivals = new Arrivals(clock);
});

interface Coming {
  readonly arrival: Arrival;
  /** Bytes that were taken, or why no more are. */
  readonly outcome: Promise<number | string>;
  end(): void;
}

/** A repository of which so many bytes come, and then nothing until it ends. */
async function come(accountId: number, bytes: number): Promise<Coming> {
  const arrival = arrivals.enter(accountId);
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const { promise: began, resolve: begin } = Promise.withResolvers<void>();
  async function* source(): AsyncGenerator<Uint8Array, void, undefined> {
    yield new Uint8Array(bytes);
    await ended;
  }
  const read = async (): Promise<number> => {
    let taken = 0;
    for await (const chunk of arrival.take(source())) {
      taken += chunk.length;
      begin();
    }
    return taken;
  };
  const outcome = read().catch((fault: Error) => fault.message).finally(() => arrival.leave());
  await began;
  return { arrival, outcome, end };
}

const refused = 'too many imports at once, try again later';

test('so many come at once and no more, one of an account, until one leaves', async () => {
  const all = [];
  for (let id = 1; id <= maxImportsAtOnce; id++) all.push(await come(id, 10));
  expect(() => arrivals.enter(1)).toThrow('already');
  clock.advance(longAfterMs - 1);
  expect(() => arrivals.enter(100)).toThrow(refused);
  all[0]!.end();
  expect(await all[0]!.outcome).toBe(10);
  arrivals.enter(100);
});

test('of those that have come for long the slowest gives way, one for each who asks', async () => {
  const all = [];
  for (let id = 1; id <= maxImportsAtOnce; id++) all.push(await come(id, id === 3 ? 5 : id * 10));
  clock.advance(longAfterMs);
  arrivals.enter(100);
  // The account comes again, before what gave way has left: that takes the new place not along.
  arrivals.enter(3);
  expect(await all[2]!.outcome).toMatch('came more slowly');
  expect(await all[0]!.outcome).toMatch('came more slowly');
  expect(() => arrivals.enter(3)).toThrow('already');
  all[1]!.end();
  expect(await all[1]!.outcome).toBe(20);
});

test('what is here whole gives way to nobody', async () => {
  const held = Array.from({ length: maxImportsAtOnce }, (_, index) => arrivals.enter(index));
  for (const arrival of held) for await (const _chunk of arrival.take((async function* () { yield new Uint8Array(1); })())) continue;
  clock.advance(longAfterMs);
  expect(() => arrivals.enter(100)).toThrow(refused);
  held[0]!.leave();
  arrivals.enter(100);
});
