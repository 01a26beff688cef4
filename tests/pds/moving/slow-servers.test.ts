/** Old servers that drip: they lose their place, others are served meanwhile, the person is told, and it goes on afterwards. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { eventually } from '../../harness/wait.ts';
import type { Person } from '../small-pds.ts';
import { arrive, newMover, startTwoHomes, type Arrived, type Spoiler, type TwoHomes } from './two-homes.ts';

const dripMs = 20;
let homes: TwoHomes;
beforeAll(async () => {
  homes = await startTwoHomes({ PDS_INVITE_REQUIRED: 'false' }, {
    // A byte each 20 ms is 15 in a window; a whole answer of the small repositories here is more than 100.
    movePace: { repo: { leastBytes: 100, windowMs: 300 }, files: { leastBytes: 40_000, windowMs: 300 }, repoMaxMs: 1_500 }, moveTurnMs: 50,
  });
});
afterAll(() => homes.close());
afterEach(() => {
  homes.spoil = null;
});

const isOf = (url: URL, method: string, did: string): boolean => url.pathname === `/xrpc/${method}` && url.origin === homes.old.url && url.searchParams.get('did') === did;

const header = Buffer.from('a265726f6f747381d82a58250001711220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8556776657273696f6e01', 'hex');

/** A CAR whose head promises a block of 900,000 bytes, and so many bytes of it at a time, for ever. */
function dripping(bytesAtOnce: number): Response {
  let timer: NodeJS.Timeout;
  return new Response(new ReadableStream<Uint8Array>({
    start: (controller) => {
      controller.enqueue(Buffer.concat([Buffer.from([header.length]), header, Buffer.from([0xa0, 0xf7, 0x36])]));
      timer = setInterval(() => controller.enqueue(new Uint8Array(bytesAtOnce)), dripMs);
    },
    cancel: () => clearInterval(timer),
  }));
}

/** People whose repositories or files drip; their moves begin one right after the other. */
async function begunBy(names: readonly string[], spoilerOf: (did: string, name: string) => Spoiler): Promise<Arrived[]> {
  const movers: { mover: Person; fresh: Arrived; spoiler: Spoiler }[] = [];
  for (const name of names) {
    const mover = await newMover(homes, name, { files: 2 });
    movers.push({ mover, fresh: await arrive(homes, mover, name), spoiler: spoilerOf(mover.did, name) });
  }
  homes.spoil = async (url, init) => {
    for (const { spoiler } of movers) {
      const answer = await spoiler(url, init);
      if (answer !== null) return answer;
    }
    return null;
  };
  for (const { mover, fresh } of movers) await fresh.ask('begin', { accessJwt: mover.token, refreshJwt: mover.refreshToken });
  return movers.map(({ fresh }) => fresh);
}

test('repositories that drip lose their places to the one in line, which arrives; theirs goes on when they send again', async () => {
  // Two are served at once: the third is asked for only when one of them was hung up on.
  const dripped: AbortSignal[] = [];
  let hungUpOnBefore: number | null = null;
  const slow = await begunBy(['dee', 'dex', 'quick'], (did, name) => (url, init) => {
    if (!isOf(url, 'com.atproto.sync.getRepo', did)) return null;
    if (name === 'quick') {
      hungUpOnBefore ??= dripped.filter(({ aborted }) => aborted).length;
      return null;
    }
    dripped.push(init.signal!);
    return dripping(1);
  });
  const quick = slow.pop()!;
  await quick.reaches('identity', 'yourTurn');
  expect(hungUpOnBefore).toBeGreaterThan(0);
  for (const fresh of slow) expect(await fresh.reaches('repo', 'retrying')).toMatchObject({ stop: { code: 'OldServerTooSlow', message: expect.stringContaining('too slowly') as unknown } });
  homes.spoil = null;
  for (const fresh of slow) await fresh.reaches('identity', 'yourTurn');
});

test('an old server that falls silent in the middle is hung up on', async () => {
  let [isOpen, wasClosed] = [false, false];
  const silent = createServer((_request, response) => {
    response.write(Buffer.concat([Buffer.from([header.length]), header]));
    isOpen = true;
    response.once('close', () => (wasClosed = true));
  });
  await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve));
  try {
    const [fresh] = await begunBy(['sid'], (did) => (url, init) => (isOf(url, 'com.atproto.sync.getRepo', did) ? fetch(`http://127.0.0.1:${(silent.address() as AddressInfo).port}/`, init) : null));
    expect(await fresh!.reaches('repo', 'retrying')).toMatchObject({ stop: { code: 'OldServerTooSlow' } });
    expect(isOpen).toBe(true);
    await eventually('the connection is closed', () => wasClosed);
  } finally {
    silent.closeAllConnections();
    await new Promise((resolve) => void silent.close(resolve));
  }
});

test('a repository that keeps the least pace for ever is ended at the bound, and its person asked', async () => {
  const [fresh] = await begunBy(['dot'], (did) => (url) => (isOf(url, 'com.atproto.sync.getRepo', did) ? dripping(200) : null));
  expect(await fresh!.reaches('repo', 'stopped')).toMatchObject({ stop: { code: 'OldServerTooSlow', message: expect.stringContaining('had not sent all') as unknown } });
  homes.spoil = null;
  await fresh!.ask('goOn', {});
  await fresh!.reaches('identity', 'yourTurn');
});

test('an old server that takes its time with each file loses its place, and the person may go on without the files', async () => {
  const late = (): Promise<Response> => new Promise((resolve) => setTimeout(() => resolve(Response.json({ error: 'InvalidRequest' }, { status: 400 })), 400));
  const [fresh] = await begunBy(['fin'], (did) => (url) => (isOf(url, 'com.atproto.sync.getBlob', did) ? late() : null));
  expect(await fresh!.reaches('blobs', 'retrying')).toMatchObject({ stop: { code: 'OldServerTooSlow' } });
  await fresh!.ask('goOn', { withoutMissing: true });
  expect(await fresh!.reaches('identity', 'yourTurn')).toMatchObject({ expectedBlobs: 2, importedBlobs: 0 });
});

test('an old server that goes away after a file is asked more and more seldom', async () => {
  let asked = 0;
  const [fresh] = await begunBy(['gus'], (did) => (url) => (isOf(url, 'com.atproto.sync.getBlob', did) && ++asked > 1 ? Response.json({ error: 'InternalServerError' }, { status: 503 }) : null));
  await eventually('it is waited for longer than at first', async () => Date.parse(String((await fresh!.status())['retryAt'])) - Date.now() > 2_000);
  expect(await fresh!.status()).toMatchObject({ step: 'blobs', state: 'retrying', importedBlobs: 1 });
});

test('a move with many files lets those in line by, and goes on where it was', async () => {
  let asked = 0;
  const slowly = (url: URL, init: RequestInit): Promise<Response> => new Promise((resolve, reject) => {
    asked++;
    setTimeout(() => void fetch(url, init).then(resolve, reject), 60);
  });
  const [first, second, third] = await begunBy(['pat', 'pip', 'pol'], (did) => (url, init) => (isOf(url, 'com.atproto.sync.getBlob', did) ? slowly(url, init) : null));
  for (const fresh of [first, second, third]) expect(await fresh!.reaches('identity', 'yourTurn')).toMatchObject({ importedBlobs: 2 });
  expect(asked).toBe(6);
});
