/** Cursor rules (invariant 3) on PDS and relay over real sockets: exclusive, resumable, future and oldest. */
import WebSocket from 'ws';
import type { AtpAgent } from '@atproto/api';
import { decodeFrame } from '@dunlin/protocol/stream/frame';
import { startTestNetwork, type TestNetwork } from '../harness/network.ts';
import { eventually } from '../harness/wait.ts';

let network: TestNetwork;
let alice: AtpAgent;
beforeAll(async () => {
  network = await startTestNetwork();
  alice = await network.newAccount(0, 'alice');
});
afterAll(() => network.close());

interface Listened {
  seqs: number[];
  revs: string[];
  errors: string[];
  infos: string[];
  closeCode: number | null;
  socket: WebSocket;
}

function listen(service: string, cursor?: number | string): Listened {
  const query = cursor === undefined ? '' : `?cursor=${cursor}`;
  const socket = new WebSocket(`${service.replace(/^http/, 'ws')}/xrpc/com.atproto.sync.subscribeRepos${query}`);
  const listened: Listened = { seqs: [], revs: [], errors: [], infos: [], closeCode: null, socket };
  socket.on('message', (data: Buffer) => {
    const frame = decodeFrame(data);
    if (frame.op === -1) listened.errors.push(frame.error);
    else if (frame.t === '#info') listened.infos.push(String(frame.body.name));
    else {
      listened.seqs.push(Number(frame.body.seq));
      if (frame.t === '#commit') listened.revs.push(String(frame.body.rev));
    }
  });
  socket.on('close', (code) => (listened.closeCode = code));
  socket.on('error', () => (listened.closeCode ??= -1));
  return listened;
}

const services: [string, () => string][] = [
  ['pds', () => network.pds[0]],
  ['relay', () => network.relay],
];

test.each(services)('%s sends what comes after the cursor, without gap or double, over many reconnects', async (_name, url) => {
  const all = listen(url(), 0);
  for (let index = 0; index < 12; index += 1) await alice.post({ text: `post ${index}`, createdAt: new Date().toISOString() });
  await eventually('the whole stream is there', () => all.seqs.length >= 16);
  expect(all.infos).toEqual([]);
  expect([...all.seqs].sort((a, b) => a - b)).toEqual(all.seqs);
  for (const cut of [0, 5, all.seqs.length - 1]) {
    const rest = listen(url(), all.seqs[cut]);
    await eventually(`the rest after ${cut}`, () => rest.seqs.length >= all.seqs.length - cut - 1);
    expect(rest.seqs).toEqual(all.seqs.slice(cut + 1));
    rest.socket.close();
  }
  all.socket.close();
});

test.each(services)('%s refuses a future cursor with an error frame and closes', async (_name, url) => {
  const listened = listen(url(), 9_007_199_254_740_991);
  await eventually('it is closed', () => listened.closeCode !== null);
  expect([listened.errors, listened.closeCode, listened.seqs]).toEqual([['FutureCursor'], 1008, []]);
});

test('the relay says so when a cursor is older than all it holds, and goes on from the oldest', async () => {
  const all = listen(network.relay, 0);
  await eventually('the oldest is known', () => all.seqs.length > 0);
  const outdated = listen(network.relay, 5);
  await eventually('it goes on', () => outdated.seqs.length > 0);
  expect([outdated.infos, outdated.seqs[0]]).toEqual([['OutdatedCursor'], all.seqs[0]]);
  for (const { socket } of [all, outdated]) socket.close();
});

test.each(services)('%s sends only what is new without a cursor', async (_name, url) => {
  const latest = await alice.com.atproto.sync.getLatestCommit({ did: alice.assertDid });
  const all = listen(url(), 0);
  await eventually('the service has all that was', () => all.revs.includes(latest.data.rev));
  const listened = listen(url());
  await new Promise((resolve) => listened.socket.once('open', resolve));
  const { commit } = (await alice.com.atproto.repo.createRecord({
    repo: alice.assertDid,
    collection: 'app.bsky.feed.post',
    record: { text: 'new', createdAt: new Date().toISOString() },
  })).data;
  await eventually('one event', () => listened.seqs.length > 0);
  expect(listened.revs).toEqual([commit?.rev]);
  listened.socket.close();
  all.socket.close();
});

test.each(services)('%s refuses a cursor that is no whole number', async (_name, url) => {
  for (const cursor of ['-1', 'x', '1.5', '99999999999999999999']) {
    const listened = listen(url(), cursor);
    await eventually(`${cursor} is refused`, () => listened.closeCode !== null);
    expect(listened.seqs).toEqual([]);
  }
});

test.each(services)('%s answers a plain GET on the stream with 426', async (_name, url) => {
  const response = await fetch(`${url()}/xrpc/com.atproto.sync.subscribeRepos`);
  expect(response.status).toBe(426);
});
