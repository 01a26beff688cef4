/**
 * The main job: a reaction made at one PDS with the real `@atproto/api` agent moves a count at the app view, on WebSocket and on
 * server-sent events, through signed commit, relay, log, SDK and index; and people of two servers talk in one room.
 */
import { EventSource } from 'eventsource';
import WebSocket from 'ws';
import type { AtpAgent } from '@atproto/api';
import { startTestNetwork, type TestNetwork } from '../harness/network.ts';
import { eventually } from '../harness/wait.ts';

let network: TestNetwork;
let alice: AtpAgent;
let bob: AtpAgent;
beforeAll(async () => {
  network = await startTestNetwork();
  alice = await network.newAccount(0, 'alice');
  bob = await network.newAccount(1, 'bob');
});
afterAll(() => network.close());

type Frame = { $type: string; subject?: string; counts?: { people: number }; people?: number; [field: string]: unknown };

interface Live {
  frames: Frame[];
  send(command: object): void;
  close(): void;
}

/** A gateway connection that has said who it is: an agent, or nobody. */
async function openGateway(agent: AtpAgent | null): Promise<Live> {
  const socket = new WebSocket(`${network.appview.replace('http', 'ws')}/xrpc/app.dunlin.live.subscribe`);
  const frames: Frame[] = [];
  socket.on('message', (data) => void frames.push(JSON.parse(String(data)) as Frame));
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  const live = { frames, send: (command: object) => socket.send(JSON.stringify(command)), close: () => socket.close() };
  live.send({ $type: '#auth', ...(agent ? { token: await serviceToken(agent) } : {}) });
  await eventually('hello', () => frames.some(({ $type }) => $type === '#hello'));
  return live;
}

async function serviceToken(agent: AtpAgent): Promise<string> {
  const { did } = (await (await fetch(`${network.appview}/.well-known/did.json`)).json().then((document) => ({ did: (document as { id: string }).id })));
  const { data } = await agent.com.atproto.server.getServiceAuth({ aud: did, lxm: 'app.dunlin.live.subscribe' });
  return data.token;
}

function react(agent: AtpAgent, subject: string, value: string, rkey: string): Promise<unknown> {
  return agent.com.atproto.repo.putRecord({
    repo: agent.assertDid,
    collection: 'app.dunlin.live.reaction',
    rkey,
    record: {
      $type: 'app.dunlin.live.reaction',
      subject: { $type: 'app.dunlin.live.reaction#recordSubject', uri: subject },
      value,
      createdAt: new Date().toISOString(),
    },
  });
}

const lastPeople = (frames: readonly Frame[]): number | undefined => frames.filter(({ $type }) => $type === '#counts').at(-1)?.people;

test('a reaction made at one PDS is seen by subscribers of the app view, and taking it back too', async () => {
  const { uri } = await alice.post({ text: 'react to me', createdAt: new Date().toISOString() });
  const live = await openGateway(null);
  live.send({ $type: '#track', subjects: [uri] });
  await eventually('the count of now', () => lastPeople(live.frames) === 0);
  const source = new EventSource(`${network.appview}/xrpc/app.dunlin.live.events?subjects=${encodeURIComponent(uri)}`);
  const overEvents: Frame[] = [];
  source.addEventListener('counts', ({ data }) => void overEvents.push({ ...(JSON.parse(String(data)) as object), $type: '#counts' } as Frame));

  await react(bob, uri, '🔥', 'one');
  for (const frames of [live.frames, overEvents]) await eventually('one person', () => lastPeople(frames) === 1);
  await react(alice, uri, '🎉', 'two');
  await bob.like(uri, 'bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a');
  for (const frames of [live.frames, overEvents]) await eventually('two people', () => lastPeople(frames) === 2);
  await bob.com.atproto.repo.deleteRecord({ repo: bob.assertDid, collection: 'app.dunlin.live.reaction', rkey: 'one' });
  await alice.com.atproto.repo.deleteRecord({ repo: alice.assertDid, collection: 'app.dunlin.live.reaction', rkey: 'two' });
  for (const frames of [live.frames, overEvents]) await eventually('one person is left, by the like', () => lastPeople(frames) === 1);
  source.close();
  live.close();
});

test('people of two servers are present in one room and read one another', async () => {
  const gateway = ((await (await fetch(`${network.appview}/.well-known/did.json`)).json()) as { id: string }).id;
  const room = await alice.com.atproto.repo.createRecord({
    repo: alice.assertDid,
    collection: 'app.dunlin.live.room',
    record: {
      $type: 'app.dunlin.live.room',
      name: 'The hide',
      kind: 'app.dunlin.live.defs#chat',
      access: { $type: 'app.dunlin.live.room#public', anonymousRead: true },
      storage: 'repo',
      gateway: `${gateway}#dunlin_live`,
      createdAt: new Date().toISOString(),
    },
  });
  const { uri } = room.data;
  await eventually('the room is indexed', async () => (await fetch(`${network.appview}/xrpc/app.dunlin.live.getRoom?uri=${encodeURIComponent(uri)}`)).ok);
  const [ofAlice, ofBob] = [await openGateway(alice), await openGateway(bob)];
  for (const live of [ofAlice, ofBob]) {
    live.send({ $type: '#join', room: uri });
    await eventually('a snapshot', () => live.frames.some(({ $type }) => $type === '#snapshot'));
  }
  await eventually('both are seen', () => JSON.stringify(ofAlice.frames.filter(({ $type }) => $type === '#presence')).includes(bob.assertDid));
  await bob.com.atproto.repo.createRecord({
    repo: bob.assertDid,
    collection: 'app.dunlin.live.message',
    record: { $type: 'app.dunlin.live.message', room: uri, text: 'hello from the other server', createdAt: new Date().toISOString() },
  });
  const message = await eventually('the message arrives', () => ofAlice.frames.find(({ $type }) => $type === '#message'));
  expect(message).toMatchObject({ author: bob.assertDid, phase: 'settled', record: { text: 'hello from the other server' } });
  ofAlice.close();
  ofBob.close();
});
