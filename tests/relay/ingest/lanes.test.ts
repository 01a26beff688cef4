import { expect, test } from '@jest/globals';
import { AccountTable } from '@dunlin/relay/accounts/account-table';
import type { Item, Lane } from '@dunlin/relay/ingest/lane';
import { Lanes } from '@dunlin/relay/ingest/lanes';
import { newDid } from '../fixture/fake-account.ts';

const [home, stranger, relayHost, otherRelay] = [{ id: 1, relay: 0 }, { id: 2, relay: 0 }, { id: 3, relay: 1 }, { id: 4, relay: 2 }];

function begin(isKnown: boolean): { lanes: Lanes; table: AccountTable; did: string; lane: (upstream: { id: number; relay: number }) => Lane } {
  const [table, did] = [new AccountTable(), newDid()];
  if (isKnown) table.add(did, home.id);
  const lanes = new Lanes(table);
  return { lanes, table, did, lane: (upstream) => lanes.for({ did, upstream } as Item) };
}

test.each([true, false])('a host and relays share the lane of an account, known (%p) or not, whoever comes first', (isKnown) => {
  for (const order of [[home, relayHost, otherRelay], [relayHost, home, otherRelay]]) {
    const { lanes, lane } = begin(isKnown);
    expect(new Set(order.map(lane)).size).toBe(1);
    expect([lane(home), lanes.size]).toEqual([lane(otherRelay), 1]);
  }
});

test('a stranger has a lane apart, before and after the host of the account speaks', () => {
  for (const order of [[stranger, home], [home, stranger], [relayHost, stranger]]) {
    const { lane } = begin(true);
    order.forEach(lane);
    expect(lane(stranger)).not.toBe(lane(home));
    expect(lane(relayHost)).toBe(lane(home));
  }
});

test('what came through a relay can be set apart, in its order, and what it tells goes on there until that is empty', () => {
  const { lanes, did, lane } = begin(true);
  const main = lane(home);
  const item = (upstream: { id: number; relay: number }): Item => ({ did, upstream }) as Item;
  const [first, own, second, other] = [item(relayHost), item(home), item(relayHost), item(otherRelay)];
  main.items.push(first, own, second, other);
  const apart = lanes.setApart(main, relayHost as Item['upstream'])!;
  expect([main.items, apart.items, first.lane === apart, own.lane]).toEqual([[own, other], [first, second], true, undefined]);
  expect([lane(relayHost), lane(home), lane(otherRelay)]).toEqual([apart, main, main]);
  expect(lanes.setApart(apart, relayHost as Item['upstream'])).toBeNull();
  const third = item(relayHost);
  main.items.push(third);
  expect(lanes.setApart(main, relayHost as Item['upstream'])).toBe(apart);
  expect(apart.items).toEqual([first, second, third]);
  lanes.delete(apart);
  expect([lane(relayHost), lanes.size]).toEqual([main, 1]);
});

test('of an account nobody knows two hosts have two lanes, and each goes on in its own', () => {
  const { lanes, table, did, lane } = begin(false);
  const [first, second] = [lane(stranger), lane(home)];
  expect(first).not.toBe(second);
  table.add(did, home.id);
  expect([lane(home), lane(stranger), lanes.size]).toEqual([second, first, 2]);
  // Empty once, the host's next event begins the lane of the account.
  lanes.delete(first);
  lanes.delete(second);
  expect([lane(home) === lane(relayHost), lane(home) === lane(stranger)]).toEqual([true, false]);
});
