/**
 * The files of deploy/ for nginx and Caddy before real servers: streams, large uploads, ranges, addresses of callers, the closed admin API,
 * certificates of handles. A proxy that this machine lacks is named by a passing test; `./dunlin test` brings both.
 */
import { createHash, randomBytes } from 'node:crypto';
import { Agent, request, type RequestOptions } from 'node:https';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeEvent } from '@dunlin/protocol/stream/event-codec';
import { silentLogger } from '@dunlin/service/log/logger';
import { WebSocket } from 'ws';
import { FakeFirehose } from '../harness/fake-firehose.ts';
import { proxyNames, proxyProgram, startCaddyOfPds, startProxy, type RunningProxy } from '../harness/proxies.ts';
import { freePort, temporaryFolder } from '../harness/temporary.ts';
import { eventually } from '../harness/wait.ts';
import { call, post } from '../pds/small-pds.ts';
import { FakeAccount } from '../relay/fixture/fake-account.ts';
import { TestRelay } from '../relay/fixture/test-relay.ts';
import { startAppview } from '../../appview/src/appview.ts';
import { readPdsConfig } from '../../pds/src/config.ts';
import { startPds } from '../../pds/src/pds.ts';
import { startPlc } from '../../plc/src/plc.ts';

const maxBlobBytes = 20_000_000;
const caller = '127.0.0.77';
const closers: (() => Promise<unknown>)[] = [];
let pdsUrl: string;
let ada: { did: string; token: string };
let relay: TestRelay;
let appview: { url: string };

beforeAll(async () => {
  const own = async <T extends { close(): Promise<unknown> }>(starting: Promise<T>): Promise<T> => {
    const started = await starting;
    closers.push(() => started.close());
    return started;
  };
  const plc = await own(startPlc({ port: 0, host: '127.0.0.1', dataDirectory: ':memory:' }, { log: silentLogger }));
  const data = await temporaryFolder();
  closers.push(() => data.remove());
  // Set up as in public: it knows its name and its people's, and what is before it does TLS.
  const port = await freePort();
  await own(startPds(readPdsConfig({
    PDS_HOSTNAME: 'pds.example.com', PDS_PORT: String(port), PDS_DATA_DIRECTORY: data.path, PDS_DID_PLC_URL: plc.url, PDS_BLOB_UPLOAD_LIMIT: String(maxBlobBytes), PDS_INVITE_REQUIRED: 'false',
  }), { log: silentLogger }));
  pdsUrl = `http://127.0.0.1:${port}`;
  ada = await signUp('ada');
  relay = await own(TestRelay.start());
  const firehose = await own(FakeFirehose.start());
  const folder = await temporaryFolder();
  closers.push(() => folder.remove());
  appview = await own(startAppview({ port: 0, dataDirectory: folder.path, relayUrl: firehose.url, isDevMode: true, pageFolder: folder.path }, { log: silentLogger }));
});
afterAll(async () => {
  for (const close of closers.toReversed()) await close();
});

async function signUp(name: string): Promise<{ did: string; token: string }> {
  const { status, json } = await call(pdsUrl, 'com.atproto.server.createAccount', { body: { handle: `${name}.pds.example.com`, email: `${name}@people.org`, password: `${name} password` } });
  expect([status, json]).toEqual([200, expect.anything()]);
  return { did: String(json['did']), token: String(json['accessJwt']) };
}

interface Reply {
  status: number;
  headers: Record<string, unknown>;
  body: Buffer;
}

describe.each(proxyNames)('%s', (name) => {
  const program = proxyProgram(name);
  if (program === null) {
    test('is not on this machine', () => undefined);
    return;
  }
  let proxy: RunningProxy;
  const agents: Agent[] = [];
  beforeAll(async () => {
    const port = (url: string): number => Number(new URL(url).port);
    proxy = await startProxy(name, program, { relay: port(relay.relay.url), pds: port(pdsUrl), appview: port(appview.url) });
  });
  afterAll(async () => {
    for (const agent of agents) agent.destroy();
    await proxy?.close();
  });

  const options = (host: string, from = caller): RequestOptions => {
    const agent = new Agent({ keepAlive: false });
    agents.push(agent);
    return { host: '127.0.0.1', port: proxy.port, servername: host, headers: { host }, ca: proxy.authority, localAddress: from, agent };
  };
  const ask = (host: string, path: string, { body, sentBytes = body?.length ?? 0, headers = {}, method = body ? 'POST' : 'GET', from = caller }: { body?: Buffer; sentBytes?: number; headers?: Record<string, string>; method?: string; from?: string } = {}): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const outgoing = request({ ...options(host, from), path, method, headers: { host, ...(body && { 'content-length': String(body.length) }), ...headers } }, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => void chunks.push(chunk));
        incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) }));
      });
      outgoing.on('error', reject);
      if (body === undefined || sentBytes === body.length) outgoing.end(body);
      else outgoing.write(body.subarray(0, sentBytes));
    });
  const listen = async (host: string, path: string, headers: Record<string, string> = {}): Promise<{ frames: Buffer[]; socket: WebSocket }> => {
    const socket = new WebSocket(`wss://127.0.0.1:${proxy.port}${path}`, { ...options(host), headers: { host, ...headers } });
    const frames: Buffer[] = [];
    socket.on('message', (data) => void frames.push(data as Buffer));
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return { frames, socket };
  };

  test('passes streams on, frame by frame, with the address of whoever listens and not the one they say', async () => {
    const { frames, socket } = await listen('relay.example.com', '/xrpc/com.atproto.sync.subscribeRepos', { 'x-forwarded-for': '203.0.113.9' });
    const answer = await ask('relay.example.com', '/admin/consumers/list', { headers: relay.operator, from: '127.0.0.1' });
    expect(JSON.parse(answer.body.toString())).toEqual([expect.objectContaining({ remote_addr: caller })]);
    const host = await relay.crawledHost();
    const account = relay.register(new FakeAccount(), host);
    for (let n = 1; n <= 3; n++) {
      host.send(account.commit());
      await eventually('the frame is here before the next is made', () => frames.length === n);
    }
    expect(decodeEvent(frames[0])).toMatchObject({ kind: 'commit', did: account.did });
    socket.terminate();
  });

  test('passes the stream of a PDS, its events and JSON feeds on', async () => {
    const { frames, socket } = await listen('pds.example.com', '/xrpc/com.atproto.sync.subscribeRepos');
    await call(pdsUrl, 'com.atproto.repo.createRecord', { body: { repo: ada.did, collection: 'app.bsky.feed.post', record: post('hello') }, token: ada.token });
    await eventually('the commit is here', () => frames.length === 1);
    socket.terminate();
    const live = await listen('appview.example.com', '/xrpc/app.dunlin.live.subscribe');
    live.socket.terminate();
  });

  test('takes the largest blob, gives it back in ranges, and leaves what is larger to the server', async () => {
    const token = { authorization: `Bearer ${ada.token}`, 'content-type': 'application/octet-stream' };
    const bytes = randomBytes(maxBlobBytes);
    const uploaded = await ask('pds.example.com', '/xrpc/com.atproto.repo.uploadBlob', { body: bytes, headers: token });
    expect(uploaded.status).toBe(200);
    const { blob } = JSON.parse(uploaded.body.toString()) as { blob: { ref: { $link: string } } };
    await call(pdsUrl, 'com.atproto.repo.putRecord', { body: { repo: ada.did, collection: 'com.example.file', rkey: name, record: { $type: 'com.example.file', blob } }, token: ada.token });
    const path = `/xrpc/com.atproto.sync.getBlob?did=${ada.did}&cid=${blob.ref.$link}`;
    const whole = await ask('pds.example.com', path);
    expect(createHash('sha256').update(whole.body).digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
    const part = await ask('pds.example.com', path, { headers: { range: 'bytes=1000-1999' } });
    expect({ status: part.status, range: part.headers['content-range'], isRight: part.body.equals(bytes.subarray(1_000, 2_000)) }).toEqual({ status: 206, range: `bytes 1000-1999/${maxBlobBytes}`, isRight: true });
    // It is refused by its length; who goes on sending may find the connection gone before the answer is read.
    const tooLarge = await ask('pds.example.com', '/xrpc/com.atproto.repo.uploadBlob', { body: Buffer.alloc(maxBlobBytes + 1), sentBytes: 65_536, headers: token });
    expect({ status: tooLarge.status, error: (JSON.parse(tooLarge.body.toString()) as { error: string }).error }).toEqual({ status: 413, error: 'PayloadTooLarge' });
  });

  test('keeps the operator\'s API to this machine', async () => {
    const { status } = await ask('relay.example.com', '/admin/pds/list', { headers: relay.operator, from: '127.0.0.1' });
    expect(status).toBe(200);
    if (name === 'nginx') expect((await ask('relay.example.com', '/admin/pds/list', { headers: relay.operator })).status).toBe(403);
  });

  test('passes a URL of ten thousand DIDs on to the relay', async () => {
    const dids = Array.from({ length: 10_000 }, (_, n) => `wantedDids=did:plc:${n.toString().padStart(24, 'a')}`).join('&');
    const { socket } = await listen('relay.example.com', `/subscribe?${dids}`);
    socket.terminate();
  });

  if (name === 'caddy') {
    test('gets a certificate for a handle of somebody, and none for a name that nobody has', async () => {
      const answer = await ask('ada.pds.example.com', '/.well-known/atproto-did');
      expect([answer.status, answer.body.toString()]).toEqual([200, ada.did]);
      await expect(ask('nobody.pds.example.com', '/.well-known/atproto-did')).rejects.toThrow(/alert|socket|hang up/i);
    });
  }
});

test('Caddy before a PDS alone serves its stream, and handles by certificates of their own', async () => {
  const program = proxyProgram('caddy');
  if (program === null) return;
  const proxy = await startCaddyOfPds(program, Number(new URL(pdsUrl).port));
  closers.push(() => proxy.close());
  const agent = new Agent({ keepAlive: false });
  const options = (host: string): RequestOptions => ({ host: '127.0.0.1', port: proxy.port, servername: host, headers: { host }, ca: proxy.authority, agent });
  const ask = (host: string): Promise<string> =>
    new Promise((resolve, reject) => {
      request({ ...options(host), path: '/.well-known/atproto-did' }, (incoming) => {
        let text = '';
        incoming.on('data', (chunk: Buffer) => void (text += chunk.toString()));
        incoming.on('end', () => resolve(text));
      }).on('error', reject).end();
    });
  expect(await ask('ada.pds.example.com')).toBe(ada.did);
  await expect(ask('nobody.pds.example.com')).rejects.toThrow(/alert|socket|hang up/i);
  const socket = new WebSocket(`wss://127.0.0.1:${proxy.port}/xrpc/com.atproto.sync.subscribeRepos?cursor=0`, options('pds.example.com'));
  const first = await new Promise<Buffer>((resolve, reject) => {
    socket.once('message', (data) => resolve(data as Buffer));
    socket.once('error', reject);
  });
  expect(decodeEvent(first)).toMatchObject({ did: ada.did });
  socket.terminate();
});
