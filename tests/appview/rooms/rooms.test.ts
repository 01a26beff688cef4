/** Live rooms: snapshots, messages, recovery, presence, and who is let in or put out. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { keepEmptyMs, newsWindowMs } from '@dunlin/appview/rooms/lobby';
import { account, message, person, remove, room, roomUri } from '../small-index.ts';
import { smallGateway, type Body, type Client, type SmallGateway } from '../small-gateway.ts';

const [ada, ben, cleo] = [1, 2, 3].map(person);
const hide = roomUri(ada, 'hide');
let world: SmallGateway;

beforeEach(() => {
  world = smallGateway();
  world.apply(world.commit(ada, room('hide')));
});
afterEach(() => world.close());

async function inside(did: string | null, uri = hide, more: Record<string, unknown> = {}): Promise<Client> {
  const client = await world.client(did);
  client.say({ $type: '#join', room: uri, ...more });
  return client;
}
const now = (): string => new Date(world.clock.nowMs()).toISOString();
let said = 0;
const say = (did: string, text: string, uri = hide): void => world.apply(world.commit(did, message(`m${said++}`, uri, text, { createdAt: now() })));
const texts = (bodies: Body[]): unknown[] => bodies.map(({ record }) => (record as { text: string }).text);
const recoverFrom = ({ epoch, seq }: Body): Record<string, unknown> => ({ recover: { epoch, seq } });

describe('entering', () => {
  test('gives a snapshot with the room and its latest messages, oldest first, then what is new', async () => {
    for (const text of ['one', 'two', 'three']) {
      say(ben, text);
      world.clock.advance(1);
    }
    const client = await inside(cleo, hide, { history: 2 });
    const [snapshot] = client.take('#snapshot');
    expect(snapshot).toMatchObject({ room: hide, seq: 0, recovered: false, wasRecovering: false, capabilities: ['message.create', 'reaction.create'] });
    const state = snapshot['state'] as { room: { uri: string }; messages: Body[]; cursor: string };
    expect([texts(state.messages), state.room.uri, typeof state.cursor]).toEqual([['two', 'three'], hide, 'string']);
    say(ben, 'four');
    expect(client.take('#message')).toMatchObject([{ author: ben, seq: 1, phase: 'settled', record: { text: 'four' } }]);
  });

  test.each([
    ['inviteOnly', { access: { $type: 'app.dunlin.live.room#inviteOnly' } }, 'NotMember'],
    ['paid', { access: { $type: 'app.dunlin.live.room#paid', issuers: [ada] } }, 'PaymentRequired'],
    ['gated', { access: { $type: 'app.dunlin.live.room#gated', rules: [{ $type: 'app.dunlin.live.room#followRule', did: ada }] } }, 'NotMember'],
    ['of an unknown rule', { access: { $type: 'com.example.room#password' } }, 'NotMember'],
    ['transient', { storage: 'transient' }, 'NotMember'],
    ['ended', { expiresAt: '2025-12-31T00:00:00Z' }, 'RoomEnded'],
    ['at another gateway', { gateway: 'did:web:other.example#dunlin_live' }, 'NotRoomGateway'],
  ])('a room that is %s lets nobody in but (where it can) its owner', async (_, changes, error) => {
    world.apply(world.commit(ada, room('other', changes)));
    const clients = [await inside(null, roomUri(ada, 'other'), { id: 1 }), await inside(ben, roomUri(ada, 'other'), { id: 1 }), await inside(ada, roomUri(ada, 'other'), { id: 1 })];
    const [reader, stranger, owner] = clients.map((client) => client.take('#reply')[0]);
    expect(stranger).toMatchObject({ ok: false, error });
    expect(reader).toMatchObject({ ok: false });
    const isClosedToAll = ['NotRoomGateway', 'RoomEnded'].includes(error) || 'storage' in changes;
    expect(owner['ok']).toBe(!isClosedToAll);
  });

  test('a reader without a name may be in a public room that says so, and not in one that does not', async () => {
    world.apply(world.commit(ada, room('named', { access: { $type: 'app.dunlin.live.room#public', anonymousRead: false } })));
    const reader = await inside(null);
    expect(reader.take('#snapshot')).toMatchObject([{ capabilities: [] }]);
    reader.say({ $type: '#join', id: 2, room: roomUri(ada, 'named') });
    expect(reader.take('#reply')).toMatchObject([{ ok: false, error: 'AuthRequired' }]);
  });

  test('in a read-only room only the owner may write', async () => {
    world.apply(world.commit(ada, room('quiet', { policy: { readOnly: true } })));
    const [guest, owner] = [await inside(ben, roomUri(ada, 'quiet')), await inside(ada, roomUri(ada, 'quiet'))];
    expect([guest, owner].map((client) => client.take('#snapshot')[0]['capabilities'])).toEqual([[], ['message.create', 'reaction.create']]);
  });

  test('no more rooms are opened than the gateway can hold; an empty one makes room', async () => {
    const small = smallGateway({ maxRooms: 1 });
    small.apply(small.commit(ada, room('one'), room('two')));
    const client = await small.client(ben);
    client.say({ $type: '#join', id: 1, room: roomUri(ada, 'one') });
    client.say({ $type: '#join', id: 2, room: roomUri(ada, 'two') });
    client.say({ $type: '#leave', id: 3, room: roomUri(ada, 'one') });
    client.say({ $type: '#join', id: 4, room: roomUri(ada, 'two') });
    expect(client.take('#reply').map(({ error, ok }) => error ?? ok)).toEqual([true, 'TooManyRooms', true, true]);
    small.close();
  });
});

describe('being there', () => {
  test('everybody hears a message, its change and its deletion, numbered', async () => {
    const clients = [await inside(ben), await inside(cleo), await inside(null)];
    world.apply(world.commit(ben, message('a', hide, 'hello', { createdAt: now() })));
    world.apply(world.commit(ben, message('a', hide, 'hello, changed', { createdAt: now() })));
    world.apply(world.commit(ben, remove('app.dunlin.live.message', 'a')));
    for (const client of clients) {
      expect(texts(client.take('#message'))).toEqual(['hello', 'hello, changed']);
      expect(client.take('#settled')).toMatchObject([{ seq: 3, outcome: 'deleted', uri: `at://${ben}/app.dunlin.live.message/a` }]);
    }
  });

  test('what stands in another room, or is hidden, is not heard', async () => {
    world.apply(world.commit(ada, room('other'), room('quiet', { policy: { readOnly: true } })));
    const client = await inside(cleo);
    client.say({ $type: '#join', room: roomUri(ada, 'quiet') });
    say(ben, 'elsewhere', roomUri(ada, 'other'));
    say(ben, 'not allowed', roomUri(ada, 'quiet'));
    expect(client.take('#message')).toEqual([]);
  });

  test('a message dated within 15 minutes of now is news, one a ms further is not', async () => {
    const client = await inside(cleo);
    const dated = (offsetMs: number): string => new Date(world.clock.nowMs() + offsetMs).toISOString();
    for (const [number, offsetMs] of [-newsWindowMs - 1, -newsWindowMs, newsWindowMs, newsWindowMs + 1].entries()) {
      world.apply(world.commit(ben, message(`d${number}`, hide, String(number), { createdAt: dated(offsetMs) })));
    }
    expect([texts(client.take('#message')), world.quiet]).toEqual([['1', '2'], ['late', 'late']]);
  });

  test('one author is news 60 times at once, not 61, and other authors are not held up', async () => {
    const client = await inside(cleo);
    for (let number = 0; number < 61; number++) say(ben, String(number));
    say(ada, 'still heard');
    expect(client.take('#message')).toHaveLength(61);
    expect(world.quiet).toEqual(['tooFast']);
    world.clock.advance(200);
    say(ben, 'again');
    expect(texts(client.take('#message'))).toEqual(['again']);
  });

  test('one author is heard deleting 60 times at once, not 61, and others are not held up', async () => {
    const client = await inside(cleo);
    const messages = (did: string, from: number): void => world.apply(world.commit(did, ...Array.from({ length: 61 }, (_, number) => message(`d${from + number}`, hide, 'x', { createdAt: '2020-01-01T00:00:00.000Z' }))));
    messages(ben, 0);
    messages(ada, 0);
    world.apply(world.commit(ben, ...Array.from({ length: 61 }, (_, number) => remove('app.dunlin.live.message', `d${number}`))));
    expect(client.take('#settled')).toHaveLength(60);
    world.apply(world.commit(ada, remove('app.dunlin.live.message', 'd0')));
    expect(client.take('#settled')).toHaveLength(1);
  });

  test('an account that becomes inactive is hidden in the rooms it wrote in, and shown again later', async () => {
    const client = await inside(cleo);
    say(ben, 'hello');
    world.apply(account(ben, 'deactivated'));
    world.apply(account(ben, 'active'));
    expect(client.take('#mod')).toMatchObject([{ seq: 2, action: 'hide', subject: { did: ben } }, { seq: 3, action: 'unhide', subject: { did: ben } }]);
  });

  test('a handle that becomes known is told to those who saw its owner', async () => {
    const [client, elsewhere] = [await inside(cleo), await world.client(cleo)];
    say(ben, 'hello');
    expect(client.take('#message')[0]).not.toHaveProperty('handle');
    world.indexer.applyHandle(ben, 'ben.example');
    expect([client.take('#person'), elsewhere.take('#person')]).toEqual([[{ $type: '#person', did: ben, handle: 'ben.example' }], []]);
    say(ben, 'hello again');
    expect(client.take('#message')).toMatchObject([{ handle: 'ben.example' }]);
  });

  test('when the room changes its rules, those who may not stay are let go and the others are told', async () => {
    const [owner, guest] = [await inside(ada), await inside(ben)];
    world.apply(world.commit(ada, room('hide', { policy: { readOnly: true } })));
    expect(guest.take('#mode')).toMatchObject([{ readOnly: true, seq: 1 }]);
    world.apply(world.commit(ada, room('hide', { access: { $type: 'app.dunlin.live.room#inviteOnly' } })));
    expect([guest.take('#left'), owner.take('#left')]).toMatchObject([[{ room: hide, error: 'NotMember' }], []]);
    say(ada, 'among ourselves');
    expect([guest.take('#message'), owner.take('#message').length]).toEqual([[], 1]);
  });

  test('a room deleted, or whose owner is taken down, lets everybody go', async () => {
    const client = await inside(ben);
    world.apply(world.commit(ada, remove('app.dunlin.live.room', 'hide')));
    expect(client.take('#left')).toMatchObject([{ error: 'RoomNotFound' }]);
    world.apply(world.commit(ada, room('hide')));
    client.say({ $type: '#join', room: hide });
    world.apply(account(ada, 'takendown'));
    expect(client.take('#left')).toMatchObject([{ error: 'RoomNotFound' }]);
  });

  test('a room ends at its time', async () => {
    world.apply(world.commit(ada, room('short', { expiresAt: new Date(world.clock.nowMs() + 5_000).toISOString() })));
    const client = await inside(ben, roomUri(ada, 'short'));
    world.clock.advance(4_999);
    expect(client.take('#left')).toEqual([]);
    world.clock.advance(1);
    expect(client.take('#left')).toMatchObject([{ error: 'RoomEnded' }]);
  });

  test('messages past their own time, or the time to live of the room, are not in the snapshot', async () => {
    world.apply(world.commit(ada, room('brief', { messageTtlSeconds: 60 })));
    const brief = roomUri(ada, 'brief');
    say(ben, 'old', brief);
    world.apply(world.commit(ben, message('x', brief, 'fleeting', { createdAt: now(), expiresAt: new Date(world.clock.nowMs() + 1_000).toISOString() })));
    world.clock.advance(60_001);
    say(ben, 'new', brief);
    const client = await inside(cleo, brief);
    expect(texts((client.take('#snapshot')[0]['state'] as { messages: Body[] }).messages)).toEqual(['new']);
  });
});

describe('coming back', () => {
  test('gets exactly what was missed', async () => {
    const client = await inside(ben);
    say(cleo, 'seen');
    const last = client.take('#message')[0];
    world.gateway.closed(client.session);
    say(cleo, 'missed 1');
    say(cleo, 'missed 2');
    const again = await inside(ben, hide, recoverFrom(last));
    expect(again.take('#snapshot')).toMatchObject([{ recovered: true, wasRecovering: true, seq: 3 }]);
    expect(texts(again.take('#message'))).toEqual(['missed 1', 'missed 2']);
  });

  test('with nothing missed is recovered too, and gets no history', async () => {
    const first = await inside(ben);
    const again = await inside(ben, hide, recoverFrom(first.take('#snapshot')[0]));
    const [snapshot] = again.take('#snapshot');
    expect(snapshot).toMatchObject({ recovered: true, seq: 0 });
    expect(snapshot).not.toHaveProperty('state');
  });

  test.each([
    ['another epoch', { epoch: 'another', seq: 0 }],
    ['a position ahead of the room', { seq: 99 }],
  ])('from %s starts anew', async (_, change) => {
    const [snapshot] = (await inside(ben)).take('#snapshot');
    const again = await inside(ben, hide, recoverFrom({ ...snapshot, ...change }));
    expect(again.take('#snapshot')).toMatchObject([{ recovered: false, wasRecovering: true, state: { room: { uri: hide } } }]);
  });

  test('works for 256 frames missed, not for 257', async () => {
    const [snapshot] = (await inside(ben)).take('#snapshot');
    for (let number = 0; number < 256; number++) {
      say(person(10 + number), String(number));
      if (number % 50 === 0) world.clock.advance(1_000);
    }
    expect((await inside(cleo, hide, recoverFrom(snapshot))).take('#message')).toHaveLength(256);
    say(ada, 'one too many');
    const late = await inside(cleo, hide, recoverFrom(snapshot));
    expect([late.take('#snapshot')[0]['recovered'], late.take('#message')]).toEqual([false, []]);
  });

  test('works until the room has been empty for two minutes', async () => {
    const client = await inside(ben);
    const [snapshot] = client.take('#snapshot');
    world.gateway.closed(client.session);
    world.clock.advance(keepEmptyMs - 1_000);
    const again = await inside(ben, hide, recoverFrom(snapshot));
    expect(again.take('#snapshot')).toMatchObject([{ recovered: true }]);
    world.gateway.closed(again.session);
    world.clock.advance(keepEmptyMs + 1_000);
    expect(world.lobby.size).toBe(0);
    expect((await inside(ben, hide, recoverFrom(snapshot))).take('#snapshot')).toMatchObject([{ recovered: false }]);
  });

  test('one that was put out cannot come back by recovering', async () => {
    const [snapshot] = (await inside(ben)).take('#snapshot');
    world.apply(world.commit(ada, room('hide', { access: { $type: 'app.dunlin.live.room#inviteOnly' } })));
    const again = await inside(ben, hide, { id: 1, ...recoverFrom(snapshot) });
    expect(again.take('#reply')).toMatchObject([{ ok: false, error: 'NotMember' }]);
  });

  test('whatever drops and joins happen, a client that recovers has every message in order, and one that cannot is told', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('say', 'say', 'say', 'drop', 'join', 'wait'), { maxLength: 60 }), async (steps) => {
        const scene = smallGateway();
        scene.apply(scene.commit(ada, room('hide')));
        const all: string[] = [];
        const heard: string[] = [];
        let client: Client | null = null;
        let position: Body | null = null;
        const listen = (): void => {
          for (const frame of client?.frames.splice(0) ?? []) {
            if (frame.$type === '#snapshot') {
              if (!frame['recovered']) heard.splice(0, heard.length, ...(texts((frame['state'] as { messages: Body[] }).messages) as string[]));
              position = position === null || !frame['recovered'] ? frame : position;
            }
            if (frame.$type === '#message') {
              heard.push(...(texts([frame]) as string[]));
              position = frame;
            }
          }
        };
        for (const [number, step] of steps.entries()) {
          if (step === 'say') {
            all.push(String(number));
            scene.clock.advance(1);
            scene.apply(scene.commit(ben, message(`m${number}`, hide, String(number), { createdAt: new Date(scene.clock.nowMs()).toISOString() })));
          }
          if (step === 'wait') scene.clock.advance(keepEmptyMs + 1_000);
          if (step === 'drop' && client !== null) {
            scene.gateway.closed(client.session);
            client = null;
          }
          if (step === 'join' && client === null) {
            client = await scene.client(cleo);
            client.say({ $type: '#join', room: hide, history: 100, ...(position === null ? {} : recoverFrom(position)) });
          }
          listen();
          if (client !== null) expect(heard).toEqual(all);
        }
        scene.close();
      }),
      { numRuns: 40 },
    );
  });
});
