/** The app view whole, on real sockets: a signed stream in, counts and rooms out, over WebSocket, server-sent events and queries. */
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Keypair } from '@dunlin/protocol/crypto/keypair';
import { createLogger, silentLogger } from '@dunlin/service/log/logger';
import { startAppview, type RunningAppview } from '@dunlin/appview/appview';
import { FakeFirehose } from '../harness/fake-firehose.ts';
import { temporaryFolder } from '../harness/temporary.ts';
import { eventually } from '../harness/wait.ts';
import { FakeNetwork, type FakeAccount } from './fake-repo.ts';
import { GatewayClient, readEvents } from './gateway-client.ts';
import { like, message, person, post, react, remove, room, roomUri } from './small-index.ts';

let firehose: FakeFirehose;
let network: FakeNetwork;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let appview: RunningAppview;
let [ada, ben, cleo]: FakeAccount[] = [];
const start = (): Promise<RunningAppview> =>
  startAppview(
    { port: 0, dataDirectory: folder.path, relayUrl: firehose.url, isDevMode: true, demoFile: join(folder.path, 'demo.json'), pageFolder: join(folder.path, 'page') },
    { log: silentLogger, resolver: network.resolver },
  );

beforeAll(async () => {
  firehose = await FakeFirehose.start();
  network = new FakeNetwork(firehose);
  folder = await temporaryFolder();
  appview = await start();
  [ada, ben, cleo] = [1, 2, 3].map((number) => network.account(person(number)));
});
afterAll(async () => {
  await appview.close();
  await firehose.close();
  await folder.remove();
});

interface Answer {
  error?: string;
  cursor?: string;
  counts: { people: number };
  reactions: { uri: string; collection: string; author: { did: string; handle?: string } }[];
  viewer: { reactions: unknown[] };
  room: { online: number; access: string };
  rooms: { uri: string }[];
  messages: unknown[];
  sources: unknown[];
}

const get = async (method: string, params: Record<string, string> = {}, headers: Record<string, string> = {}) => {
  const response = await fetch(`${appview.url}/xrpc/app.dunlin.live.${method}?${new URLSearchParams(params).toString()}`, { headers });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Answer };
};
const peopleOf = async (subject: string): Promise<number> => (await get('getReactions', { subject })).body['counts'].people;
const bearer = (account: FakeAccount): Record<string, string> => ({ authorization: `Bearer ${account.token(appview.did, 'app.dunlin.live.listMessages')}` });
const padded = (bytes: number): string => JSON.stringify({ $type: '#lease', id: 1 }).padEnd(bytes, ' ');
const nowRecord = (): { createdAt: string } => ({ createdAt: new Date().toISOString() });

async function signedIn(account: FakeAccount | null): Promise<GatewayClient> {
  const client = await GatewayClient.open(appview.url);
  client.say({ $type: '#auth', ...(account === null ? {} : { token: account.token(`${appview.did}#dunlin_live`, 'app.dunlin.live.subscribe') }) });
  await client.next('#hello', ({ did }) => did === account?.did);
  return client;
}

describe('reactions', () => {
  test('of signed commits are counted and listed, the same over queries, WebSocket and server-sent events', async () => {
    const client = await signedIn(null);
    client.say({ $type: '#track', subjects: [post] });
    expect(await client.next('#counts')).toMatchObject({ people: 0 });
    const events = readEvents(`${appview.url}/xrpc/app.dunlin.live.events?subjects=${encodeURIComponent(post)}&subjects=isbn:1`, (bodies) => bodies.some(({ people }) => people === 2));
    ada.write([react('a', '❤️')]);
    ben.write([like('b')]);
    await client.next('#counts', ({ people }) => people === 2);
    ada.write([like('c')]);
    const last = await client.next('#counts', ({ totals }) => (totals as { people: number }[]).some(({ people }) => people === 2));
    const { body } = await get('getReactions', { subject: post, viewer: ada.did });
    const { $type, version, ...told } = last;
    expect(body['counts']).toMatchObject({ ...told, values: [{ value: '❤️', people: 2 }] });
    expect([$type, version]).toEqual(['#counts', expect.any(Number)]);
    expect(body['reactions'].map((each) => [each.author.did, each.collection])).toEqual([[ada.did, 'app.bsky.feed.like'], [ben.did, 'app.bsky.feed.like'], [ada.did, 'app.dunlin.live.reaction']]);
    expect(body['viewer'].reactions).toHaveLength(2);
    const { bodies, response } = await events;
    expect([response.headers.get('content-type'), bodies[0], bodies[1]]).toMatchObject(['text/event-stream; charset=utf-8', { $type: '#counts', subject: post }, { subject: 'isbn:1', people: 0 }]);
    client.close();
  });

  test('of a commit that another key signed, or whose tree is a lie, are not', async () => {
    const subject = 'https://example.com/forged';
    cleo.write([react('x', '❤️', subject)], Keypair.generate());
    ben.write([react('x', '❤️', subject)]);
    await eventually('the true one is counted', async () => (await peopleOf(subject)) === 1);
    expect((await get('getReactions', { subject })).body['reactions'][0].author.did).toBe(ben.did);
  });

  test('are paged and narrowed', async () => {
    const subject = 'https://example.com/paged';
    for (const account of [ada, ben, cleo]) account.write([react('p1', '👏', subject), react('p2', '🔥', subject)]);
    await eventually('all are counted', async () => (await peopleOf(subject)) === 3);
    const uris: string[] = [];
    let cursor: string | undefined;
    do {
      const { body } = await get('getReactions', { subject, limit: '4', ...(cursor === undefined ? {} : { cursor }) });
      uris.push(...body['reactions'].map(({ uri }: { uri: string }) => uri));
      cursor = body['cursor'];
    } while (cursor !== undefined);
    expect([uris.length, new Set(uris).size]).toEqual([6, 6]);
    expect((await get('getReactions', { subject, value: '🔥' })).body['reactions']).toHaveLength(3);
    expect((await get('getReactionCounts', { subjects: subject })).body['counts']).toMatchObject([{ subject, people: 3 }]);
  });

  test('go and come with the account', async () => {
    const subject = 'https://example.com/status';
    const dora = network.account(person(40));
    dora.write([react('s', '👀', subject)]);
    await eventually('counted', async () => (await peopleOf(subject)) === 1);
    dora.status('deactivated');
    await eventually('no longer counted', async () => (await peopleOf(subject)) === 0);
    dora.status('active');
    await eventually('counted again', async () => (await peopleOf(subject)) === 1);
    dora.write([remove('app.dunlin.live.reaction', 's')]);
    await eventually('taken back', async () => (await peopleOf(subject)) === 0);
  });

  test.each([
    ['getReactions', { subject: 'nonsense' }, 400, 'InvalidRequest'],
    ['getReactions', { subject: 'javascript:alert(1)' }, 400, 'InvalidSubject'],
    ['getReactions', {}, 400, 'InvalidRequest'],
    ['getReactions', { subject: post, cursor: 'x' }, 400, 'InvalidRequest'],
    ['getReactions', { subject: post, limit: '101' }, 400, 'InvalidRequest'],
    ['getRoom', { uri: 'at://did:plc:zzzzzzzzzzzzzzzzzzzzzzzz/app.dunlin.live.room/none' }, 400, 'RoomNotFound'],
    ['listRooms', { cursor: '-1' }, 400, 'InvalidRequest'],
    ['listMessages', { room: 'at://did:plc:zzzzzzzzzzzzzzzzzzzzzzzz/app.dunlin.live.room/none' }, 400, 'RoomNotFound'],
    ['events', { subjects: 'javascript:alert(1)' }, 400, 'InvalidSubject'],
    ['dance', {}, 501, 'MethodNotImplemented'],
  ])('%s %j is answered with %d %s', async (method, params, status, error) => {
    const answer = await get(method, params as Record<string, string>);
    expect([answer.status, answer.body['error']]).toEqual([status, error]);
  });
});

test('a handle is shown once it names its account, and no longer when it does not', async () => {
  const subject = 'https://example.com/handles';
  const eve = network.account(person(50), 'eve.test');
  eve.write([react('h', '❤️', subject)]);
  const authorOf = async (): Promise<unknown> => (await get('getReactions', { subject })).body['reactions'][0]?.author;
  await eventually('named', async () => (await authorOf() as { handle?: string })?.handle === 'eve.test');
  eve.claim('mallory.test', 'did:plc:zzzzzzzzzzzzzzzzzzzzzzzz');
  await eventually('no longer named', async () => !('handle' in (await authorOf() as object)));
});

describe('rooms', () => {
  const hide = roomUri(person(1), 'hide');

  beforeAll(async () => {
    ada.write([room('hide', { gateway: `${appview.did}#dunlin_live` }), room('club', { gateway: `${appview.did}#dunlin_live`, access: { $type: 'app.dunlin.live.room#inviteOnly' } })]);
    await eventually('the room is there', async () => (await get('getRoom', { uri: hide })).status === 200);
  });

  test('are found, and listed when open to everybody', async () => {
    expect((await get('getRoom', { uri: hide })).body['room']).toMatchObject({ uri: hide, access: 'public', state: 'open', online: 0, owner: { did: ada.did } });
    expect((await get('listRooms')).body['rooms'].map(({ uri }: { uri: string }) => uri)).toEqual([hide]);
    expect((await get('getRoom', { uri: roomUri(ada.did, 'club') })).body['room']['access']).toBe('inviteOnly');
  });

  test('carry what is written at home to everybody inside, and show who is here', async () => {
    const [first, second] = [await signedIn(ben), await signedIn(cleo)];
    first.say({ $type: '#join', room: hide });
    await first.next('#snapshot');
    second.say({ $type: '#join', id: 4, room: hide });
    expect(await second.next('#reply')).toMatchObject({ id: 4, ok: true });
    expect((await first.next('#presence', ({ online }) => online === 2))['joins']).toMatchObject([{ did: cleo.did }]);
    ben.write([message('m1', hide, 'hello', nowRecord())]);
    const heard = await second.next('#message');
    expect(heard).toMatchObject({ author: ben.did, phase: 'settled', record: { text: 'hello' } });
    expect((await get('listMessages', { room: hide })).body['messages']).toMatchObject([{ uri: heard['uri'], author: { did: ben.did } }]);
    second.socket.terminate();
    expect((await first.next('#presence', ({ online }) => online === 1))['leaves']).toMatchObject([{ did: cleo.did }]);
    ben.write([message('m2', hide, 'are you there?', nowRecord())]);
    await first.next('#message');
    const again = await signedIn(cleo);
    again.say({ $type: '#join', room: hide, recover: { epoch: heard['epoch'], seq: heard['seq'] } });
    expect(await again.next('#snapshot')).toMatchObject({ recovered: true });
    expect(await again.next('#message')).toMatchObject({ record: { text: 'are you there?' } });
    first.close();
    again.close();
  });

  test('that are not open are read with a token of somebody who may', async () => {
    const club = roomUri(ada.did, 'club');
    const answers = [await get('listMessages', { room: club }), await get('listMessages', { room: club }, bearer(ben)), await get('listMessages', { room: club }, bearer(ada))];
    expect(answers.map(({ status, body }) => [status, body['error']])).toEqual([[401, 'AuthRequired'], [403, 'NotMember'], [200, undefined]]);
    expect((await get('listMessages', { room: club }, { authorization: 'Bearer nonsense' })).status).toBe(401);
    expect((await get('listMessages', { room: club }, { authorization: 'Basic eDp5' })).status).toBe(401);
  });
});

describe('tokens', () => {
  const method = 'app.dunlin.live.subscribe';
  test.each<[string, () => string]>([
    ['for another service', () => ben.token('did:web:other.example', method)],
    ['for another entry of another service', () => ben.token('did:web:other.example#dunlin_live', method)],
    ['for another method', () => ben.token(appview.did, 'app.dunlin.live.listMessages')],
    ['for no method', () => ben.token(appview.did, null)],
    ['expired', () => ben.token(appview.did, method, { nowMs: Date.now() - 120_000 })],
    ['that lives for an hour', () => ben.token(appview.did, method, { lifetimeSeconds: 3_600 })],
    ['signed by another key', () => ben.token(appview.did, method, { keypair: Keypair.generate() })],
    ['of an account nobody knows', () => network.account(person(90)).token(appview.did, method).replace(/^/, 'x')],
    ['that is none', () => 'nonsense'],
  ])('%s are refused with code 3500', async (_, make) => {
    const client = await GatewayClient.open(appview.url);
    client.say({ $type: '#auth', id: 1, token: make() });
    expect(await client.next('#reply')).toMatchObject({ ok: false, error: 'AuthRequired' });
    await client.next('#bye', ({ code, reconnect }) => code === 3500 && reconnect === false);
    await eventually('closed', () => client.closeCode === 3500);
  });

  test('are good once', async () => {
    const token = ben.token(`${appview.did}#dunlin_live`, method);
    const [first, second] = [await GatewayClient.open(appview.url), await GatewayClient.open(appview.url)];
    first.say({ $type: '#auth', token });
    await first.next('#hello');
    second.say({ $type: '#auth', token });
    await eventually('refused', () => second.closeCode === 3500);
    first.close();
  });
});

describe('the socket', () => {
  test('takes frames of 256 KiB, not one byte more, and no binary ones', async () => {
    const [fits, larger, binary] = [await signedIn(null), await signedIn(null), await signedIn(null)];
    fits.socket.send(padded(262_144));
    expect(await fits.next('#reply')).toMatchObject({ ok: true });
    larger.socket.send(padded(262_145));
    await eventually('cut', () => larger.closeCode === 1009);
    binary.socket.send(Buffer.from('{}'));
    await eventually('cut', () => binary.closeCode === 3501);
    fits.close();
  });

  test('a plain request for it is told to upgrade', async () => {
    expect((await fetch(`${appview.url}/xrpc/app.dunlin.live.subscribe`)).status).toBe(426);
  });
});

describe('plain paths', () => {
  test('the DID document names this service', async () => {
    const document = await (await fetch(`${appview.url}/.well-known/did.json`)).json();
    const { port } = new URL(appview.url);
    expect(document).toMatchObject({ id: `did:web:localhost%3A${port}`, service: [{ id: '#dunlin_live', serviceEndpoint: `http://localhost:${port}` }] });
    expect(appview.did).toBe(`did:web:localhost%3A${port}`);
  });

  test('health and a page are there without a built page, and the demo only once its file is', async () => {
    expect((await fetch(`${appview.url}/_health`)).status).toBe(200);
    const page = await fetch(appview.url);
    expect(await page.text()).toContain('npx vite build');
    expect((await fetch(`${appview.url}/demo.json`)).status).toBe(404);
    const demo = { subject: post, room: roomUri(person(1), 'hide'), users: [{ pds: 'http://localhost:2583', handle: 'ada.a.test', did: person(1), password: 'x' }] };
    await writeFile(join(folder.path, 'demo.json'), JSON.stringify(demo));
    const answer = await fetch(`${appview.url}/demo.json`);
    expect([await answer.json(), answer.headers.get('cache-control')]).toEqual([demo, 'no-store']);
    const policy = (await fetch(appview.url)).headers.get('content-security-policy');
    expect(policy).toContain(`connect-src 'self' ws://${new URL(appview.url).host} wss://${new URL(appview.url).host} http://localhost:2583;`);
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain('unsafe');
  });

  test('the sources of reactions are told', async () => {
    const { body } = await get('getReactionSources');
    expect(body['sources']).toContainEqual({ collection: 'app.bsky.feed.like', subjectPath: '.subject.uri', value: '❤️', class: 'reaction' });
  });
});

test('started again it goes on from its cursor, with all it knew', async () => {
  const subject = 'https://example.com/restart';
  ada.write([react('r1', '🎉', subject)]);
  await eventually('counted', async () => (await peopleOf(subject)) === 1);
  const connections = firehose.connections.length;
  const client = await signedIn(ben);
  const stream = await fetch(`${appview.url}/xrpc/app.dunlin.live.events?subjects=${encodeURIComponent(subject)}`);
  const startMs = performance.now();
  await appview.close();
  await stream.text().catch(() => '');
  expect(performance.now() - startMs).toBeLessThan(3_000);
  await eventually('told', () => client.frames.some(({ $type, code }) => $type === '#bye' && code === 3000));
  ben.write([react('r2', '🎉', subject)]);
  appview = await start();
  await eventually('counted', async () => (await peopleOf(subject)) === 2);
  expect(firehose.connections[connections].cursor).toBeGreaterThan(0);
});

test('an outage of the stream is one warning at its beginning and one line at its end', async () => {
  const lines: string[] = [];
  const log = createLogger('appview', { destination: { write: (line) => lines.push(line) } });
  const own = await FakeFirehose.start();
  const other = await startAppview({ port: 0, dataDirectory: ':memory:', relayUrl: own.url, isDevMode: true }, { log, resolver: network.resolver });
  await eventually('connected', () => own.connections.length === 1);
  const said = (text: string): number => lines.filter((line) => line.includes(text)).length;
  own.connections[0].terminate();
  await eventually('back', () => said('stream is back') === 1);
  expect([said('stream interrupted'), said('"level":"warn"')]).toEqual([1, 1]);
  await other.close();
  await own.close();
});

test('a client that never reads is cut, and others are served all the while', async () => {
  const hall = roomUri(ada.did, 'hall');
  ada.write([room('hall', { gateway: `${appview.did}#dunlin_live` })]);
  await eventually('the room is there', async () => (await get('getRoom', { uri: hall })).status === 200);
  const [slow, quick] = [await signedIn(ben), await signedIn(cleo)];
  for (const client of [slow, quick]) client.say({ $type: '#join', room: hall, history: 0 });
  await Promise.all([slow.next('#snapshot'), quick.next('#snapshot')]);
  (slow.socket as unknown as { _socket: { pause(): void; resume(): void } })._socket.pause();
  const padding = 'x'.repeat(60_000);
  let sent = 0;
  await eventually('one is gone', async () => {
    for (const account of [ada, ben, cleo]) account.write([message(`h${sent++}`, hall, 'hello', { ...nowRecord(), padding })]);
    await quick.next('#message', ({ uri }) => String(uri).endsWith(`/h${sent - 1}`));
    return (await get('getRoom', { uri: hall })).body['room'].online === 1;
  });
  (slow.socket as unknown as { _socket: { pause(): void; resume(): void } })._socket.resume();
  if (slow.closeCode === null) await once(slow.socket, 'close');
  expect([3008, 1006]).toContain(slow.closeCode);
  quick.close();
});

test('a table of sources with a fault refuses the start and says where', async () => {
  const path = join(folder.path, 'sources.json');
  await writeFile(path, JSON.stringify([{ collection: 'x', subjectPath: '.s', value: '❤️', class: 'reaction' }]));
  await expect(startAppview({ port: 0, dataDirectory: ':memory:', relayUrl: firehose.url, sourcesFile: path }, { log: silentLogger })).rejects.toThrow('line 1: collection is no NSID');
  expect(await readFile(path, 'utf8')).toContain('❤️');
});
