/** One client of the gateway: who it is, what it may ask, every bound from both sides, and how it ends. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { byeReasons } from '@dunlin/appview/rooms/bye-codes';
import { authDeadlineMs, charactersPerCommand, sessionLimits, sessionMs } from '@dunlin/appview/rooms/session';
import { account, like, message, person, post, react, room, roomUri } from '../small-index.ts';
import { smallGateway, type Client, type SmallGateway } from '../small-gateway.ts';

const [ada, ben] = [1, 2].map(person);
const hide = roomUri(ada, 'hide');
let world: SmallGateway;

beforeEach(() => {
  world = smallGateway();
  world.apply(world.commit(ada, room('hide')));
});
afterEach(() => world.close());

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const join = (client: Client, uri = hide, more: Record<string, unknown> = {}): void => client.say({ $type: '#join', id: 1, room: uri, ...more });
const reply = (client: Client): unknown => client.take('#reply').at(-1);

describe('who it is', () => {
  test('a good token is answered with hello, its DID and the limits', async () => {
    const client = world.stranger();
    client.say({ $type: '#auth', id: 7, token: ben });
    await settle();
    expect(client.frames).toMatchObject([{ $type: '#reply', id: 7, ok: true }, { $type: '#hello', did: ben, limits: sessionLimits, pingSeconds: 25 }]);
  });

  test('without a token it is a reader without a name', async () => {
    const client = world.stranger();
    client.say({ $type: '#auth' });
    await settle();
    expect(client.frames).toHaveLength(1);
    expect(client.frames[0]).not.toHaveProperty('did');
  });

  test.each([
    ['bad', 'invalidToken'],
    ['down', 'overloaded'],
  ] as const)('a token that is %s ends it: %s', async (token, name) => {
    const client = world.stranger();
    client.say({ $type: '#auth', id: 1, token });
    await settle();
    expect(client.types()).toEqual(['#reply', '#bye']);
    expect(client.closed?.code).toBe(byeReasons[name].code);
  });

  test('any other first frame ends it', () => {
    const client = world.stranger();
    client.say({ $type: '#track', subjects: [post] });
    expect(client.closed).toEqual({ code: 3502, reason: 'noAuth' });
  });

  test('commands sent right behind the token wait for it', async () => {
    const client = world.stranger();
    client.say({ $type: '#auth', token: ben });
    client.say({ $type: '#join', id: 1, room: hide });
    await settle();
    expect(client.types()).toEqual(['#hello', '#reply', '#snapshot', '#presence', '#presence']);
  });

  test('it has ten seconds to say who it is, not one ms more', async () => {
    const [slow, quick] = [world.stranger(), world.stranger()];
    world.clock.advance(authDeadlineMs - 1);
    quick.say({ $type: '#auth' });
    await settle();
    world.clock.advance(1);
    expect([slow.closed?.code, quick.closed]).toEqual([3502, null]);
  });

  test('it lasts an hour, and another token of the same account makes it longer', async () => {
    const [first, second] = [await world.client(ben), await world.client(ben)];
    world.clock.advance(sessionMs - 1_000);
    first.say({ $type: '#auth', token: ben });
    await settle();
    world.clock.advance(1_000);
    expect([first.closed, second.closed?.code]).toEqual([null, 3005]);
  });

  test('a later token of another account is refused, and it stays who it was', async () => {
    const client = await world.client(ben);
    client.say({ $type: '#auth', id: 2, token: ada });
    await settle();
    expect(reply(client)).toMatchObject({ ok: false, error: 'AuthRequired' });
    expect(client.session.did).toBe(ben);
  });

  test('an account that is not active may not come in, and is put out when it becomes so', async () => {
    const client = await world.client(ben);
    world.apply(account(ben, 'takendown'));
    expect(client.closed).toEqual({ code: 3507, reason: 'accountInactive' });
    const again = world.stranger();
    again.say({ $type: '#auth', token: ben });
    await settle();
    expect(again.closed?.code).toBe(3507);
  });

  test('an account may have 20 sessions, not 21, and a closed one makes room', async () => {
    const clients = await Promise.all(Array.from({ length: 20 }, () => world.client(ben)));
    const next = world.stranger();
    next.say({ $type: '#auth', token: ben });
    await settle();
    expect(next.closed?.code).toBe(3504);
    world.gateway.closed(clients[0].session);
    await expect(world.client(ben)).resolves.toBeDefined();
  });
});

describe('what it may say', () => {
  test.each(['nonsense', '[]', '"text"', '7', ''])('%j is no command and ends it', async (text) => {
    const client = await world.client(ben);
    client.session.receive(text);
    expect(client.closed?.code).toBe(3501);
  });

  test.each([
    [{ $type: '#dance', id: 3 }, { id: 3, ok: false, error: 'InvalidRequest' }],
    [{ id: 4 }, { id: 4, ok: false, error: 'InvalidRequest' }],
    [{ $type: '#join', id: 5 }, { id: 5, ok: false, error: 'InvalidRequest' }],
    [{ $type: '#join', room: 'https://x.example/' }, { ok: false, error: 'InvalidRequest' }],
    [{ $type: '#track', id: 6, subjects: ['at://ada.example/a.b.c/1'] }, { id: 6, ok: false, error: 'InvalidSubject' }],
    [{ $type: '#join', id: 7, room: roomUri(ada, 'nowhere') }, { id: 7, ok: false, error: 'RoomNotFound' }],
    [{ $type: '#lease', id: 8 }, { id: 8, ok: true }],
  ])('%j is answered with %j', async (command, answer) => {
    const client = await world.client(ben);
    client.say(command);
    expect(client.frames).toEqual([expect.objectContaining({ $type: '#reply', ...answer })]);
    expect(client.closed).toBeNull();
  });

  test('it may say 100 things at once, 20 more each second, and one too many ends it', async () => {
    const client = await world.client(ben);
    world.clock.advance(10_000);
    for (let said = 0; said < 100; said++) client.say({ $type: '#lease' });
    expect(client.closed).toBeNull();
    world.clock.advance(1_000);
    for (let said = 0; said < 20; said++) client.say({ $type: '#lease' });
    expect(client.closed).toBeNull();
    client.say({ $type: '#lease' });
    expect(client.closed?.code).toBe(3013);
  });

  test('a command counts once more for each 4,096 characters, so that size is no way around the rate', async () => {
    const client = await world.client(ben);
    world.clock.advance(10_000);
    const subjects = ['x'.repeat(49 * charactersPerCommand)];
    client.say({ $type: '#track', id: 1, subjects });
    client.say({ $type: '#track', id: 2, subjects });
    expect(client.closed).toBeNull();
    client.say({ $type: '#lease' });
    expect(client.closed?.code).toBe(3013);
  });

  test('it may be in 128 rooms, not 129, and entering one twice counts once', async () => {
    const client = await world.client(ben);
    world.apply(world.commit(ada, ...Array.from({ length: 129 }, (_, number) => room(`r${number}`))));
    for (let number = 0; number < 129; number++) {
      join(client, roomUri(ada, `r${number}`));
      world.clock.advance(50);
    }
    expect(client.take('#reply').map(({ ok, error }) => error ?? ok)).toEqual([...Array.from({ length: 128 }, () => true), 'TooManyRooms']);
    join(client, roomUri(ada, 'r5'));
    expect(reply(client)).toMatchObject({ ok: true });
    client.say({ $type: '#leave', room: roomUri(ada, 'r5') });
    join(client, roomUri(ada, 'r128'));
    expect(reply(client)).toMatchObject({ ok: true });
  });

  test('it may track 1,000 subjects, not 1,001, and all of a command or none', async () => {
    const client = await world.client(null);
    const pages = Array.from({ length: 1_001 }, (_, number) => `https://example.com/${number}`);
    client.say({ $type: '#track', id: 1, subjects: pages.slice(0, 999) });
    client.say({ $type: '#track', id: 2, subjects: pages.slice(999) });
    expect(client.take('#reply').map(({ ok, error }) => error ?? ok)).toEqual([true, 'TooManySubjects']);
    client.say({ $type: '#track', id: 3, subjects: [pages[999], pages[0]] });
    expect([reply(client), client.session.subjectCount]).toMatchObject([{ ok: true }, 1_000]);
    client.say({ $type: '#untrack', id: 4, subjects: [pages[3]] });
    client.say({ $type: '#track', id: 5, subjects: [pages[1_000]] });
    expect(reply(client)).toMatchObject({ ok: true });
  });
});

describe('counts', () => {
  test('come at once for what is tracked, in the normal form, and again with each change', async () => {
    const client = await world.client(null);
    client.say({ $type: '#track', id: 1, subjects: ['http://example.com', post] });
    expect(reply(client)).toMatchObject({ subjects: ['https://example.com/', post] });
    expect(client.take('#counts').map(({ subject, people }) => [subject, people])).toEqual([['https://example.com/', 0], [post, 0]]);
    world.apply(world.commit(ben, react('a', '❤️')));
    expect(client.take('#counts')).toMatchObject([{ subject: post, people: 1, values: [{ value: '❤️', people: 1 }], totals: [{ collection: 'app.dunlin.live.reaction', people: 1 }] }]);
    client.say({ $type: '#untrack', subjects: [post] });
    world.apply(world.commit(ada, like('a')));
    expect(client.take('#counts')).toEqual([]);
  });

  test('end when the client goes', async () => {
    const client = await world.client(null);
    client.say({ $type: '#track', subjects: [post] });
    expect(world.counts.size).toBe(1);
    world.gateway.closed(client.session);
    expect(world.counts.size).toBe(0);
  });

  test('are refused when the gateway tracks all it can', async () => {
    const small = smallGateway({ maxSubjects: 2 });
    const [first, second] = [await small.client(null), await small.client(null)];
    first.say({ $type: '#track', id: 1, subjects: [post, 'https://example.com/'] });
    second.say({ $type: '#track', id: 1, subjects: [post, 'https://example.com/2'] });
    expect([reply(first), reply(second)]).toMatchObject([{ ok: true }, { ok: false, error: 'TooManySubjects' }]);
    expect([second.session.subjectCount, small.counts.size]).toEqual([0, 2]);
    small.close();
  });
});

describe('how it ends', () => {
  test('a service that stops tells everybody when to come back', async () => {
    const client = await world.client(ben);
    world.gateway.close();
    expect(client.take('#bye')).toEqual([{ $type: '#bye', code: 3000, reason: 'shutdown', reconnect: true, afterMs: 500 }]);
    expect(client.closed?.code).toBe(3000);
  });

  test('after the end nothing more is sent or heard', async () => {
    const client = await world.client(ben);
    join(client);
    client.session.bye('shutdown');
    client.frames.length = 0;
    client.say({ $type: '#lease', id: 1 });
    world.apply(world.commit(ada, message('1', hide, 'hello')));
    expect(client.frames).toEqual([]);
    expect(world.lobby.find(hide)?.memberCount).toBe(0);
  });

  test('a client that reads too slowly is cut once more than 1 MiB waits, and not before', async () => {
    const client = await world.client(ben);
    join(client);
    client.isStuck = true;
    client.bufferedBytes = 1_048_576;
    world.apply(world.commit(ada, message('1', hide, 'just fits')));
    expect(client.closed).toBeNull();
    world.apply(world.commit(ada, message('2', hide, 'too much')));
    expect([client.closed, world.byes]).toEqual([{ code: 3008, reason: 'tooSlow' }, ['tooSlow']]);
  });

  test('while it is slow, counts wait newest-wins and presence comes whole when it reads again', async () => {
    const client = await world.client(ben);
    join(client);
    client.say({ $type: '#track', subjects: [post] });
    client.frames.length = 0;
    client.isStuck = true;
    client.bufferedBytes = 65_537;
    for (const [number, value] of ['❤️', '👍', '🎉'].entries()) {
      world.apply(world.commit(ada, react(`r${number}`, value)));
      world.clock.advance(300);
    }
    join(await world.client(ada));
    world.clock.advance(300);
    expect(client.frames).toEqual([]);
    client.unstick();
    expect(client.take('#counts')).toMatchObject([{ people: 1, values: [{}, {}, {}] }]);
    expect(client.take('#presence')).toMatchObject([{ full: true, online: 2 }]);
  });
});
