/** Presence: who is here, told as changes, by lease, with names only to those who have one. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ManualClock } from '@dunlin/protocol/base/clock';
import { leaseMs, maxListedPeople, Presence } from '@dunlin/appview/rooms/presence';
import { person, room, roomUri } from '../small-index.ts';
import { smallGateway, type Body, type Client, type SmallGateway } from '../small-gateway.ts';

const [ada, ben, cleo] = [1, 2, 3].map(person);
const hide = roomUri(ada, 'hide');

describe('the list', () => {
  let clock: ManualClock;
  let presence: Presence;
  beforeEach(() => {
    clock = new ManualClock();
    presence = new Presence(clock);
  });

  test('a person with two sessions comes once and goes with the last', () => {
    presence.enter(ben);
    presence.enter(ben);
    presence.leave(ben);
    expect([presence.online, presence.takeDiff()]).toEqual([1, { joins: [ben], leaves: [] }]);
    presence.leave(ben);
    expect([presence.online, presence.takeDiff()]).toEqual([0, { joins: [], leaves: [ben] }]);
  });

  test('somebody who comes and goes, or goes and comes, between two looks is no change', () => {
    presence.enter(ben);
    presence.leave(ben);
    presence.enter(cleo);
    presence.takeDiff();
    presence.leave(cleo);
    presence.enter(cleo);
    expect([presence.hasChanged, presence.takeDiff()]).toEqual([false, { joins: [], leaves: [] }]);
  });

  test('a lease lasts 60 seconds from the last sign of life, and the next sign brings the person back', () => {
    presence.enter(ben);
    clock.advance(leaseMs - 1);
    presence.expire();
    expect(presence.online).toBe(1);
    presence.renew(ben);
    clock.advance(leaseMs);
    presence.expire();
    expect([presence.online, presence.people(), presence.sinceMs(ben)]).toEqual([0, [], null]);
    presence.renew(ben);
    expect([presence.online, presence.people()]).toEqual([1, [ben]]);
    presence.leave(ben);
    expect(presence.online).toBe(0);
  });

  test('200 people are named, 201 only counted, and named again at 180', () => {
    const people = Array.from({ length: maxListedPeople + 1 }, (_, number) => person(100 + number));
    for (const did of people.slice(0, maxListedPeople)) presence.enter(did);
    expect(presence.isListed).toBe(true);
    presence.enter(people[maxListedPeople]);
    expect(presence.isListed).toBe(false);
    for (const did of people.slice(180, maxListedPeople)) presence.leave(did);
    expect([presence.online, presence.isListed]).toEqual([181, false]);
    presence.leave(people[0]);
    expect([presence.online, presence.isListed]).toEqual([180, true]);
  });

  test('a sign of life from somebody not here is nothing', () => {
    presence.renew(ben);
    presence.leave(ben);
    expect([presence.online, presence.hasChanged]).toEqual([0, false]);
  });
});

const seen = (client: Client): unknown[] =>
  client.take('#presence').map(({ mode, online, full, joins = [], leaves = [] }) => [mode, online, full ?? false, (joins as Body[]).map(({ did }) => did), (leaves as Body[]).map(({ did }) => did)]);

describe('in a room', () => {
  let world: SmallGateway;
  beforeEach(() => {
    world = smallGateway();
    world.apply(world.commit(ada, room('hide')));
  });
  afterEach(() => world.close());

  async function inside(did: string | null, uri = hide): Promise<Client> {
    const client = await world.client(did);
    client.say({ $type: '#join', room: uri });
    return client;
  }
  test('a newcomer gets everybody, the others get the newcomer at once', async () => {
    const first = await inside(ada);
    expect(seen(first)[0]).toEqual(['list', 1, true, [ada], []]);
    world.clock.advance(300);
    first.frames.length = 0;
    const second = await inside(ben);
    expect(seen(second)[0]).toEqual(['list', 2, true, [ada, ben], []]);
    expect(seen(first)).toEqual([['list', 2, false, [ben], []]]);
  });

  test('a wave of comings and goings is one frame at most every 250 ms', async () => {
    const first = await inside(ada);
    first.frames.length = 0;
    const guests = await Promise.all(Array.from({ length: 20 }, (_, number) => inside(person(50 + number))));
    for (const guest of guests.slice(0, 5)) world.gateway.closed(guest.session);
    expect(seen(first)).toEqual([]);
    world.clock.advance(250);
    const [[mode, online, , joins, leaves], ...more] = seen(first) as [string, number, boolean, string[], string[]][];
    expect([mode, online, joins.length, leaves, more]).toEqual(['list', 16, 15, [], []]);
  });

  test('readers without a name are not counted, are told no names, and only hear when the number changes', async () => {
    const reader = await inside(null);
    expect(seen(reader)).toEqual([['count', 0, false, [], []]]);
    const guest = await inside(ben);
    expect(seen(reader)).toEqual([['count', 1, false, [], []]]);
    world.clock.advance(300);
    world.gateway.closed(guest.session);
    expect(seen(reader)).toEqual([['count', 0, false, [], []]]);
  });

  test('whoever gives no sign for a minute is gone for the others, and back with the next sign', async () => {
    const [first, second] = [await inside(ada), await inside(ben)];
    world.clock.advance(30_000);
    first.say({ $type: '#lease' });
    first.frames.length = 0;
    world.clock.advance(30_000);
    expect(seen(first)).toEqual([['list', 1, false, [], [ben]]]);
    world.clock.advance(300);
    second.say({ $type: '#lease' });
    expect(seen(first)).toEqual([['list', 2, false, [ben], []]]);
  });

  test.each([
    ['count', [['count', 1, false, [], []]]],
    ['off', []],
  ])('a room with presence %s tells no names', async (presence, expected) => {
    world.apply(world.commit(ada, room('quiet', { policy: { presence } })));
    const client = await inside(ben, roomUri(ada, 'quiet'));
    expect(seen(client).slice(0, 1)).toEqual(expected);
  });

  test('above 200 people everybody gets the number, and the list again when it has shrunk', async () => {
    const first = await inside(ada);
    const guests: Client[] = [];
    for (let number = 0; number < maxListedPeople; number++) guests.push(await inside(person(300 + number)));
    first.frames.length = 0;
    world.clock.advance(300);
    expect(seen(first).at(-1)).toEqual(['count', 201, false, [], []]);
    for (const guest of guests.slice(0, 21)) world.gateway.closed(guest.session);
    world.clock.advance(300);
    const last = seen(first).at(-1) as [string, number, boolean, string[]];
    expect([last[0], last[1], last[2], last[3].length]).toEqual(['list', 180, true, 180]);
  });

  test('the API tells how many are present', async () => {
    await inside(ben);
    expect(world.lobby.find(hide)?.online).toBe(1);
  });
});
