/**
 * The events of the reference PDS and of ours for the same acts in the same order: kinds, fields, operations and statuses are alike.
 * What is meant to differ stands in `differences` with its reason; docs/gotchas.md tells the same for people.
 */
import { readCar } from '@dunlin/protocol/car/read';
import { decodeFrame } from '@dunlin/protocol/stream/frame';
import { WebSocket } from 'ws';
import { eventually } from '../harness/wait.ts';
import { admin, normal, startBoth, x, type Ask, type Side } from './both-servers.ts';

type Step = [name: string, ask: Ask, events: { reference: number; ours: number } | number];

/** A listener that keeps the frames of one side. */
class Listener {
  readonly frames: Buffer[] = [];
  closed: { code: number; reason: string } | null = null;
  readonly #socket: WebSocket;

  constructor(url: string, query = '') {
    this.#socket = new WebSocket(`${url.replace('http', 'ws')}/xrpc/com.atproto.sync.subscribeRepos${query}`);
    this.#socket.on('message', (data) => void this.frames.push(data as Buffer));
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', (code, reason) => { this.closed = { code, reason: reason.toString() }; });
  }

  async opened(): Promise<this> {
    await eventually('the stream is open', () => this.#socket.readyState === WebSocket.OPEN);
    return this;
  }

  close(): void {
    this.#socket.terminate();
  }
}

const server = 'com.atproto.server.';
const repo = 'com.atproto.repo.';
const post = { $type: 'app.bsky.feed.post', text: 'x', createdAt: '2026-01-01T00:00:00.000Z' };
const place = { collection: 'app.bsky.feed.post', rkey: '3kabcdefgh222' };
const as = (o: (side: Side) => object | undefined) => (side: Side) => ({ token: side.kept['alice']!, ...(o(side) === undefined ? { method: 'POST' } : { body: o(side)! }) });
const subject = ({ kept }: Side): object => ({ $type: 'com.atproto.admin.defs#repoRef', did: kept['did'] });

const steps: Step[] = [
  ['createAccount', x(`${server}createAccount`, { body: { handle: 'alice.test', email: 'alice@example.com', password: 'pw' } }, ({ kept }, { json }) => {
    kept['did'] = String(json['did']);
    kept['alice'] = String(json['accessJwt']);
  }), 4],
  ['createRecord', x(`${repo}createRecord`, as(({ kept }) => ({ repo: kept['did'], ...place, record: post }))), 1],
  ['applyWrites of nothing', x(`${repo}applyWrites`, as(({ kept }) => ({ repo: kept['did'], writes: [] }))), { reference: 1, ours: 0 }],
  ['putRecord', x(`${repo}putRecord`, as(({ kept }) => ({ repo: kept['did'], ...place, record: { ...post, text: 'y' } }))), 1],
  ['applyWrites of three', x(`${repo}applyWrites`, as(({ kept }) => ({ repo: kept['did'], writes: [
    { $type: `${repo}applyWrites#create`, collection: 'com.example.thing', rkey: 'a', value: { a: 1 } },
    { $type: `${repo}applyWrites#update`, ...place, value: { ...post, text: 'z' } },
    { $type: `${repo}applyWrites#create`, collection: 'com.example.thing', rkey: 'b', value: { a: 2 } },
  ] }))), 1],
  ['deleteRecord', x(`${repo}deleteRecord`, as(({ kept }) => ({ repo: kept['did'], ...place }))), 1],
  ['updateHandle', x('com.atproto.identity.updateHandle', as(() => ({ handle: 'alice2.test' }))), 1],
  ['deactivateAccount', x(`${server}deactivateAccount`, as(() => ({}))), 1],
  ['activateAccount', x(`${server}activateAccount`, as(() => undefined)), 3],
  ['activateAccount again', x(`${server}activateAccount`, as(() => undefined)), 3],
  ['a takedown', x('com.atproto.admin.updateSubjectStatus', (side) => ({ body: { subject: subject(side), takedown: { applied: true, ref: 'r' } }, headers: admin })), 1],
  ['its end', x('com.atproto.admin.updateSubjectStatus', (side) => ({ body: { subject: subject(side), takedown: { applied: false } }, headers: admin })), 1],
  ['admin.updateAccountHandle', x('com.atproto.admin.updateAccountHandle', ({ kept }) => ({ body: { did: kept['did'], handle: 'alice3.test' }, headers: admin })), 1],
  ['admin.deleteAccount', x('com.atproto.admin.deleteAccount', ({ kept }) => ({ body: { did: kept['did'] }, headers: admin })), 1],
];

/** Differences that are meant, by step: ours, and why. */
const differences: Record<string, { ours: unknown; why: string }> = {
  'applyWrites of nothing': { ours: [], why: 'a commit that changes nothing costs every consumer something' },
};

let both: Awaited<ReturnType<typeof startBoth>>;
beforeAll(async () => {
  both = await startBoth();
});
afterAll(() => both?.close());

/** A frame as it is compared: without seq, with the CAR by its root and whether that is there. */
function told(frame: Buffer, side: Side): unknown {
  const decoded = decodeFrame(frame);
  if (decoded.op === -1) return { error: decoded.error, message: decoded.message };
  const { seq, blocks, ...body } = decoded.body;
  const car = blocks instanceof Uint8Array ? readCar(blocks) : null;
  const plain = JSON.parse(JSON.stringify(body)) as unknown;
  return { t: decoded.t, hasSeq: Number.isSafeInteger(seq), ...(car && { roots: car.roots.length, isRootThere: car.blocks.get(car.roots[0]!) !== undefined }), body: normal(plain, side) };
}

test('every act makes the same events, save those that are meant to be others', async () => {
  const listeners = await Promise.all(both.sides.map((side) => new Listener(side.url).opened()));
  const unexpected: unknown[] = [];
  const seen = [0, 0];
  for (const [name, ask, count] of steps) {
    const [reference, ours] = await Promise.all(both.sides.map(async (side, index) => {
      const { status, json } = await ask(side);
      const wanted = typeof count === 'number' ? count : count[side.name];
      const { frames } = listeners[index]!;
      const before = seen[index]!;
      await eventually(`${side.name} has told of ${name} (answer ${status} ${JSON.stringify(json)}, ${frames.length - before} of ${wanted} events)`, () => frames.length >= before + wanted);
      seen[index] = before + wanted;
      return frames.slice(before, before + wanted).map((frame) => told(frame, side));
    }));
    const meant = differences[name];
    const isAlike = JSON.stringify(reference) === JSON.stringify(ours);
    if (!(meant === undefined ? isAlike : !isAlike && JSON.stringify(meant.ours) === JSON.stringify(ours))) unexpected.push({ name, reference, ours });
  }
  expect(unexpected).toEqual([]);
  // Nothing came beside what was waited for.
  expect(listeners.map(({ frames }) => frames.length)).toEqual(seen);
  for (const listener of listeners) listener.close();
}, 120_000);

test('what a deleted account said is not told again, and a cursor from the future is refused, alike', async () => {
  const replayed = await Promise.all(both.sides.map(async (side) => {
    const listener = await new Listener(side.url, '?cursor=0').opened();
    await eventually('the replay is here', () => listener.frames.length > 0);
    const marker = await x(`${server}createAccount`, { body: { handle: 'bob.test', email: 'bob@example.com', password: 'pw' } })(side);
    await eventually('what comes behind it is here', () => listener.frames.some((frame) => frame.includes(String(marker.json['did']))));
    listener.close();
    return listener.frames.filter((frame) => !frame.includes(String(marker.json['did']))).map((frame) => told(frame, side));
  }));
  expect(replayed[1]).toEqual(replayed[0]);
  const refused = await Promise.all(both.sides.map(async (side) => {
    const listener = new Listener(side.url, '?cursor=9999999');
    await eventually('the stream is closed', () => listener.closed !== null);
    return { told: listener.frames.map((frame) => told(frame, side)), closed: listener.closed };
  }));
  expect(refused[1]).toEqual(refused[0]);
});
