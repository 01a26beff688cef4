/** The doctor beside a relay, an app view and a directory that are well, and before names, certificates and proxies that are not. */
import { once } from 'node:events';
import { createServer as createTcpServer, type Server } from 'node:net';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '@dunlin/protocol/base/clock';
import { WebSocketServer } from 'ws';
import { checkAddress, checkCertificate, checkDns } from '../../cli/src/doctor/address.ts';
import { runDoctor } from '../../cli/src/doctor.ts';
import type { Finding } from '../../cli/src/doctor/finding.ts';
import { checkHandles, checkUploadSize } from '../../cli/src/doctor/pds.ts';
import { checkHosts } from '../../cli/src/doctor/relay.ts';
import type { DoctorOptions } from '../../cli/src/doctor/servers.ts';
import { checkRest, checkServerSentEvents, checkWebSocket } from '../../cli/src/doctor/stream.ts';
import { makeCertificate } from '../harness/certificates.ts';
import { startTestNetwork, type TestNetwork } from '../harness/network.ts';

const clock = systemClock;
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  closers.push(() => new Promise((resolve) => {
    (server as unknown as { closeAllConnections?: () => void }).closeAllConnections?.();
    server.close(resolve);
  }));
  return (server.address() as AddressInfo).port;
}
const serve = async (listener: RequestListener): Promise<string> => `http://localhost:${await listening(createHttpServer(listener))}`;
async function all(findings: AsyncIterable<Finding>): Promise<Finding[]> {
  const list: Finding[] = [];
  for await (const finding of findings) list.push(finding);
  return list;
}
async function examine(options: DoctorOptions, env: Record<string, string> = {}): Promise<{ works: boolean; states: Record<string, string>; findings: Finding[] }> {
  const lines: string[] = [];
  const works = await runDoctor({ json: true, patience: 0, ...options }, { write: (line) => void lines.push(line), env, clock });
  const findings = lines.map((line) => JSON.parse(line) as Finding);
  return { works, findings, states: Object.fromEntries(findings.map(({ check, state }) => [check, state])) };
}

describe('in a network that is well', () => {
  let network: TestNetwork;
  beforeAll(async () => { network = await startTestNetwork(); });
  afterAll(() => network.close());

  test('a relay streams, and has its hosts', async () => {
    const { works, states, findings } = await examine({ server: 'relay', urls: [network.relay.replace('127.0.0.1', 'localhost')], patience: 1 });
    expect({ works, states }).toMatchObject({ works: true, states: { health: 'ok', websocket: 'ok', 'websocket at rest': 'ok', hosts: 'ok', clock: 'ok' } });
    expect(findings.find(({ check }) => check === 'hosts')?.found).toMatch(/^2 known, 2 active$/);
  });

  test('an app view, a directory and two PDSes are looked at by their addresses, and the relay is asked about those', async () => {
    expect(await examine({ server: 'appview', urls: [network.appview.replace('127.0.0.1', 'localhost')] })).toMatchObject({ works: true, states: { 'did.json': 'ok', 'reaction sources': 'ok', 'server-sent events': 'ok', 'websocket at rest': 'ok' } });
    expect(await examine({ server: 'plc', urls: [network.plc] })).toMatchObject({ works: true, states: { health: 'ok', 'look-up': 'ok', export: 'warn' } });
    const [a, b] = network.pds.map((url) => new URL(url).host);
    const { works, states, findings } = await examine({ server: 'pds', urls: network.pds, relay: [network.relay] });
    expect({ works, states }).toMatchObject({ works: true, states: { [`${a} public address`]: 'ok', [`${b} public address`]: 'ok', [`${a} uploads`]: 'ok', [`${a} relay ${new URL(network.relay).host}`]: 'ok' } });
    expect(findings.find(({ check }) => check.startsWith(`${b} relay`))?.found).toContain('active (the relay reads it)');
  });

  test('servers of this machine are found by their settings', async () => {
    const port = new URL(network.relay).port;
    const { states } = await examine({ server: 'relay' }, { RELAY_API_BIND: `0.0.0.0:${port}`, RELAY_PERSIST_DIR: network.dataDirectory });
    expect(states).toMatchObject({ node: 'ok', disk: expect.any(String), health: 'ok', websocket: 'ok' });
    const other = await examine({ server: 'plc', machine: true }, { PLC_DATA_DIRECTORY: '/nowhere/at/all' });
    expect(other.findings.find(({ check }) => check === 'data folder')).toMatchObject({ state: 'fail', advice: expect.stringContaining('PLC_DATA_DIRECTORY') });
  });
});

describe('names', () => {
  test.each([
    [['93.184.216.34'], 'ok'], [['10.0.0.1'], 'warn'], [['93.184.216.34', 'fd00::1'], 'warn'], [[], 'fail'],
  ])('that lead to %j are %s', async (addresses, state) => {
    expect((await checkDns('pds.example.org', { resolve: async () => addresses })).state).toBe(state);
  });

  test('that nobody knows fail', async () => {
    const resolve = (): Promise<string[]> => Promise.reject(new Error('getaddrinfo ENOTFOUND'));
    expect(await checkDns('pds.example.org', { resolve })).toMatchObject({ state: 'fail', found: 'getaddrinfo ENOTFOUND' });
    expect(await checkHandles('.example.org', { url: 'https://pds.example.org', fetch, resolve })).toMatchObject({ state: 'fail', advice: 'add a wildcard record: *.example.org' });
  });

  const repos = { repos: [{ did: 'did:plc:gone', active: false }, { did: 'did:plc:ada', active: true }] };
  const answering = (accounts: object, wellKnown: () => Promise<Response>) => (async (input: string | URL): Promise<Response> => {
    const { pathname } = new URL(String(input));
    if (pathname.endsWith('listRepos')) return Response.json(accounts);
    return pathname.endsWith('describeRepo') ? Response.json({ handle: 'ada.example.org' }) : await wellKnown();
  }) as typeof fetch;
  const noCertificate = (): Promise<Response> => Promise.reject(new TypeError('fetch failed', { cause: new Error('tlsv1 alert internal error') }));

  test.each<[string, object, () => Promise<Response>, string]>([
    ['lead to somebody', repos, async () => new Response('did:plc:ada\n'), 'ok'],
    ['lead to somebody else', repos, async () => new Response('did:plc:bob'), 'fail'],
    ['have no certificate', repos, noCertificate, 'fail'],
    ['have no certificate, and nobody is there', { repos: [] }, noCertificate, 'warn'],
    ['reach the server, where nobody is', { repos: [] }, async () => new Response('User not found', { status: 404, headers: { 'content-type': 'text/plain' } }), 'ok'],
    ['end at a proxy', { repos: [] }, async () => new Response('<html>', { status: 404, headers: { 'content-type': 'text/html' } }), 'fail'],
  ])('below a domain, when they %s', async (_name, accounts, wellKnown, state) => {
    expect((await checkHandles('.example.org', { url: 'https://pds.example.org', fetch: answering(accounts, wellKnown), resolve: async () => ['93.184.216.34'] })).state).toBe(state);
  });

  test('below a domain that lead elsewhere are told', async () => {
    const resolve = async (name: string): Promise<string[]> => [name === 'pds.example.org' ? '93.184.216.34' : '93.184.216.35'];
    expect((await checkHandles('.example.org', { url: 'https://pds.example.org', fetch, resolve })).state).toBe('warn');
  });
});

describe('certificates', () => {
  const dayMs = 86_400_000;
  const authority = makeCertificate({ name: 'An Authority', isAuthority: true });
  const middle = makeCertificate({ name: 'A Middle', isAuthority: true, issuer: authority });
  const of = (o: Omit<Parameters<typeof makeCertificate>[0], 'name'> & { name?: string }): ReturnType<typeof makeCertificate> => makeCertificate({ name: 'localhost', issuer: authority, ...o });

  test.each<[string, { key: string; cert: string }, string, string]>([
    ['that holds', of({}), 'ok', 'for DNS:localhost, 89 days left'],
    ['that ends in fifteen days', of({ toMs: Date.now() + 15 * dayMs }), 'ok', '14 days left'],
    ['that ends within a fortnight', of({ toMs: Date.now() + 14 * dayMs - 1_000 }), 'warn', '13 days left'],
    ['that has ended', of({ fromMs: Date.now() - 9 * dayMs, toMs: Date.now() - dayMs }), 'fail', 'ended on '],
    ['that is not valid yet', of({ fromMs: Date.now() + dayMs }), 'fail', 'is not valid yet'],
    ['of another name', of({ name: 'other.example.org' }), 'fail', 'is for DNS:other.example.org only'],
    ['signed by itself', makeCertificate({ name: 'localhost' }), 'fail', 'is signed by itself'],
    ['without its chain', of({ issuer: middle }), 'fail', 'comes without what links it'],
  ])('one %s', async (_name, { key, cert }, state, found) => {
    const port = await listening(createHttpsServer({ key, cert }));
    const finding = await checkCertificate(new URL(`https://localhost:${port}`), { clock, authorities: authority.cert });
    expect({ state: finding.state, found: finding.found }).toEqual({ state, found: expect.stringContaining(found) });
  });

  test('with its chain holds', async () => {
    const { key, cert } = of({ issuer: middle });
    const port = await listening(createHttpsServer({ key, cert: cert + middle.cert }));
    expect((await checkCertificate(new URL(`https://localhost:${port}`), { clock, authorities: authority.cert })).state).toBe('ok');
  });

  test('none at all is told, and so is a port that speaks no TLS', async () => {
    const url = await serve((_request, response) => void response.end('{}'));
    expect((await checkCertificate(new URL(url.replace('http', 'https')), { clock })).state).toBe('fail');
    const findings = await all(checkAddress(new URL(url.replace('localhost', '127.0.0.2')), { fetch, clock }));
    expect(findings.find(({ check }) => check === 'certificate')).toMatchObject({ state: 'warn', found: expect.stringContaining('is plain http') });
  });
});

describe('proxies', () => {
  test('that hold frames back, hang up on silence or know no WebSocket are found out', async () => {
    const silent = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    closers.push(() => new Promise((resolve) => {
      for (const client of silent.clients) client.terminate();
      silent.close(resolve);
    }));
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    silent.on('connection', (socket, request) => void (request.url === '/hangs-up' && socket.close(1011)));
    const fast = Object.assign(Object.create(clock) as typeof clock, { after: (ms: number, callback: () => void) => clock.after(ms / 100, callback) });
    expect(await checkWebSocket(`http://127.0.0.1:${port}`, fast)).toMatchObject({ state: 'fail', found: 'subscribeRepos opens, and nothing comes within 10 s' });
    expect(await checkRest(new URL(`http://127.0.0.1:${port}/hangs-up`), { clock, patienceMs: 2_000 })).toMatchObject({ state: 'fail', found: expect.stringMatching(/^closed with 1011 after 0 s$/) });
    expect((await checkRest(new URL(`http://127.0.0.1:${port}/`), { clock, patienceMs: 50 })).state).toBe('ok');
    const url = await serve((_request, response) => void response.writeHead(404).end());
    expect(await checkRest(new URL(url), { clock, patienceMs: 2_000 })).toMatchObject({ state: 'fail', found: 'answers 404 instead of opening after 0 s' });
  });

  test('that answer events with a page are found out', async () => {
    const url = await serve((_request, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'));
    expect(await checkServerSentEvents(new URL(url), { fetch, clock })).toMatchObject({ state: 'fail', found: 'answers 200 text/html' });
  });

  test('that take no large bodies are told from a server that asks who it is', async () => {
    const proxy = await serve((_request, response) => void response.writeHead(413).end());
    expect((await checkUploadSize(proxy, 52_428_800)).state).toBe('fail');
    const server = await serve((_request, response) => void response.writeHead(401).end());
    expect(await checkUploadSize(server, 52_428_800)).toMatchObject({ state: 'ok', found: '52 MB get through to the server' });
    const dead = createTcpServer((socket) => void socket.destroy());
    expect((await checkUploadSize(`http://127.0.0.1:${await listening(dead)}`, 1)).state).toBe('warn');
  });

  test('that pass the figures on, and servers that cannot serve, are told', async () => {
    const open = await serve((request, response) => void response.writeHead(request.url === '/metrics' ? 200 : 503).end(request.url === '/metrics' ? '# TYPE x counter\nx 1\n' : '{"message":"the log takes no more events"}'));
    const findings = await all(checkAddress(new URL(open), { fetch, clock }));
    expect(findings).toEqual([
      expect.objectContaining({ check: 'health', state: 'fail', found: 'it cannot serve: the log takes no more events' }), expect.objectContaining({ check: 'metrics', state: 'warn' }),
    ]);
  });
});

test.each<[string, string[], string]>([
  ['none', [], 'warn'], ['those that are read', ['active', 'active', 'idle'], 'ok'], ['half out of reach', ['active', 'offline'], 'ok'],
  ['more than half out of reach', ['active', 'offline', 'offline'], 'warn'], ['all out of reach', ['offline'], 'fail'],
])('a relay\'s hosts: %s', async (_name, statuses, state) => {
  const url = await serve((request, response) => {
    const isSecond = request.url?.includes('cursor=1') === true;
    const hosts = (isSecond ? statuses.slice(1) : statuses.slice(0, 1)).map((status, index) => ({ hostname: `h${index}`, status }));
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ hosts, ...(!isSecond && statuses.length > 1 && { cursor: '1' }) }));
  });
  const finding = await checkHosts(url, fetch);
  expect([finding.state, finding.found.startsWith(`${statuses.length} known`)]).toEqual([state, true]);
});
