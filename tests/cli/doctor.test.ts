/** The doctor beside a PDS that is well, and beside set-ups that are broken in ways operators meet. */
import { chmod, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ManualClock, systemClock } from '@dunlin/protocol/base/clock';
import { runDoctor } from '../../cli/src/doctor.ts';
import type { Finding } from '../../cli/src/doctor/finding.ts';
import { checkClock, checkFolder, checkNode, checkOpenFiles, checkRoom, judgeRoom } from '../../cli/src/doctor/machine.ts';
import { checkMail } from '../../cli/src/doctor/pds.ts';
import { checkRelay } from '../../cli/src/doctor/relay.ts';
import type { DoctorOptions } from '../../cli/src/doctor/servers.ts';
import { checkWebSocket } from '../../cli/src/doctor/stream.ts';
import { freePort, temporaryFolder } from '../harness/temporary.ts';
import { startMailServer, type MailServer } from '../pds/mail/mail-server.ts';
import { startSmallPds, type SmallPds } from '../pds/small-pds.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const closers: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  folder = await temporaryFolder();
  closers.push(() => folder.remove());
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  closers.push(() => new Promise((resolve) => {
    server.closeAllConnections();
    server.close(resolve);
  }));
  return `http://localhost:${(server.address() as AddressInfo).port}`;
}
const relaySaying = (body: object, status = 200): Promise<string> =>
  serve((_request, response) => void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)));

async function examine(env: Record<string, string>, options: DoctorOptions = {}): Promise<{ works: boolean; findings: Finding[] }> {
  const lines: string[] = [];
  const works = await runDoctor({ json: true, patience: 0, ...options }, { write: (line) => void lines.push(line), env, clock: systemClock });
  return { works, findings: lines.map((line) => JSON.parse(line) as Finding) };
}
const states = (findings: readonly Finding[]): Record<string, string> => Object.fromEntries(findings.map(({ check, state }) => [check.replace(/ localhost:\d+$/, ''), state]));

describe('beside a PDS', () => {
  let mail: MailServer;
  let small: SmallPds;
  let env: Record<string, string>;
  beforeAll(async () => {
    mail = await startMailServer();
    const port = String(await freePort());
    small = await startSmallPds({ environment: { PDS_PORT: port } });
    await small.newPerson('alice');
    env = {
      PDS_HOSTNAME: 'localhost', PDS_PORT: port, PDS_DATA_DIRECTORY: small.dataDirectory, PDS_DID_PLC_URL: small.plc.url, PDS_DEV_MODE: 'true',
      PDS_EMAIL_SMTP_URL: mail.url, PDS_EMAIL_FROM_ADDRESS: 'pds@example.org',
    };
  });
  afterAll(async () => {
    await small.close();
    await mail.close();
  });

  test('finds all well where all is well', async () => {
    const relay = await relaySaying({ hostname: 'x', status: 'active', seq: 1 });
    const { works, findings } = await examine({ ...env, PDS_CRAWLERS: relay }, { account: '@alice.test' });
    expect(states(findings)).toMatchObject({
      node: 'ok', 'data folder': 'ok', clock: 'ok', 'public address': 'ok', 'did.json': 'ok', websocket: 'ok', relay: 'ok', 'account alice.test': 'ok', mail: 'ok',
    });
    expect(works).toBe(findings.every(({ state }) => state !== 'fail'));
    expect(findings.filter(({ state, advice }) => (state === 'ok') !== (advice === null))).toEqual([]);
  });

  test('prints one line a check, with what to do', async () => {
    const lines: string[] = [];
    await runDoctor({ patience: 0 }, { write: (line) => void lines.push(line), env, clock: systemClock });
    expect(lines).toContain(`ok    public address: ${small.url} is did:web:localhost%3A${new URL(small.url).port}`);
    expect(lines).toContain('warn  relays: PDS_CRAWLERS is not set → name a relay there, else nobody hears of what is written here');
    expect(lines.every((line) => /^(ok {2}|warn|fail) {2}\S/.test(line) && !line.includes('\n'))).toBe(true);
  });

  test('says when the server is another than the one set up, and when accounts are not its own', async () => {
    const other = await examine({ ...env, PDS_SERVICE_DID: 'did:web:other.example.org' }, { account: 'nobody.test' });
    expect(states(other.findings)).toMatchObject({ 'public address': 'fail', 'account nobody.test': 'fail' });
    expect(other.works).toBe(false);
  });

  test('looks at the machine alone when asked to', async () => {
    const { findings } = await examine(env, { machine: true });
    expect(findings.map(({ check }) => check)).not.toContain('public address');
  });
});

test('says that nothing answers where nothing runs', async () => {
  const { works, findings } = await examine({ PDS_HOSTNAME: 'localhost', PDS_PORT: String(await freePort()), PDS_DATA_DIRECTORY: join(folder.path, 'none'), PDS_DID_PLC_URL: `http://localhost:${await freePort()}` });
  expect(states(findings)).toMatchObject({ 'data folder': 'fail', clock: 'warn', directory: 'fail', 'public address': 'fail', 'did.json': 'fail', websocket: 'fail', mail: 'warn', relays: 'warn' });
  expect(works).toBe(false);
  expect(findings.find(({ check }) => check === 'public address')?.found).toContain('ECONNREFUSED');
});

test('says when a proxy lets no WebSocket through', async () => {
  const url = await serve((_request, response) => void response.writeHead(426).end());
  expect(await checkWebSocket(url, systemClock)).toMatchObject({ state: 'fail', found: 'subscribeRepos answers 426 instead of opening' });
});

test.each<[string, object, number, number | null, string]>([
  ['reads along', { status: 'active', seq: 95 }, 200, 100, 'ok'],
  ['is at the last event', { status: 'active', seq: 100 }, 200, 100, 'ok'],
  ['is a little behind', { status: 'active', seq: 900 }, 200, 1_000, 'ok'],
  ['is behind', { status: 'active', seq: 899 }, 200, 1_000, 'warn'],
  ['has heard events that are not there', { status: 'active', seq: 101 }, 200, 100, 'fail'],
  ['has turned the server away', { status: 'banned', seq: 5 }, 200, 5, 'fail'],
  ['has lost it', { status: 'offline', seq: 5 }, 200, 5, 'warn'],
  ['does not know it', { error: 'HostNotFound', message: 'no such host' }, 400, 5, 'warn'],
  ['cannot be compared', { status: 'active', seq: 5 }, 200, null, 'ok'],
])('looks at a relay that %s', async (_name, body, status, headSeq, state) => {
  const relay = await relaySaying({ hostname: 'x', ...body }, status);
  expect((await checkRelay(relay, { hostname: 'x', headSeq, fetch })).state).toBe(state);
});

test('says when the mail server does not let us in, without the password', async () => {
  const mail = await startMailServer();
  closers.push(() => mail.close());
  const finding = await checkMail({ smtpUrl: mail.url.replace('secret', 'another'), from: 'pds@example.org' });
  expect(finding.state).toBe('fail');
  expect(JSON.stringify(finding)).not.toContain('another');
});

describe('the machine', () => {
  test.each([['v22.11.0', 'fail'], ['v23.9.9', 'fail'], ['v24.0.0', 'ok'], ['v30.1.0', 'ok']])('with Node %s is %s', (version, state) => {
    expect(checkNode(version).state).toBe(state);
  });

  test.each([[256 * 1024 ** 2 - 1, 'fail'], [256 * 1024 ** 2, 'warn'], [2 * 1024 ** 3 - 1, 'warn'], [2 * 1024 ** 3, 'ok']])('with %d free bytes is %s', (bytes, state) => {
    expect(judgeRoom(bytes).state).toBe(state);
  });

  test('has a folder that others may read, or none', async () => {
    await chmod(folder.path, 0o755);
    expect(await checkFolder(folder.path)).toMatchObject({ state: 'warn', found: `${folder.path} is open to other users (mode 755)` });
    await chmod(folder.path, 0o700);
    expect((await checkFolder(folder.path)).state).toBe('ok');
    const file = join(folder.path, 'file');
    await writeFile(file, '');
    expect((await checkFolder(file)).state).toBe('fail');
    expect((await checkFolder(join(folder.path, 'none'))).found).toContain('is not there');
    expect((await checkRoom(join(folder.path, 'none'))).state).toBe('warn');
  });

  test.each([['1024', 'warn'], ['4095', 'warn'], ['4096', 'ok']])('may open %s files: %s', async (limit, state) => {
    const file = join(folder.path, 'limits');
    await writeFile(file, `Limit                     Soft Limit           Hard Limit           Units\nMax open files            ${limit}                 524288               files\n`);
    expect((await checkOpenFiles(file))?.state).toBe(state);
    expect(await checkOpenFiles(join(folder.path, 'none'))).toBeNull();
  });

  test.each([[0, 'ok'], [-4_000, 'ok'], [30_000, 'warn'], [-30_000, 'warn'], [120_000, 'fail']])('has a clock %d ms off: %s', async (offsetMs, state) => {
    const now = Date.UTC(2026, 10, 24);
    const url = await serve((_request, response) => void response.writeHead(302, { date: new Date(now).toUTCString(), location: '/' }).end());
    expect((await checkClock(url, { fetch, clock: new ManualClock(now + offsetMs) })).state).toBe(state);
  });

  test('is not judged by a server that does not say its time, or does not answer', async () => {
    const url = await serve((_request, response) => {
      response.sendDate = false;
      response.writeHead(200).end();
    });
    expect((await checkClock(url, { fetch, clock: systemClock })).state).toBe('warn');
    expect((await checkClock(`http://localhost:${await freePort()}`, { fetch, clock: systemClock })).state).toBe('warn');
  });
});
