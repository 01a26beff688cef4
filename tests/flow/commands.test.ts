/** The commands of docs/operations.md as a script sees them: ready lines, exit codes, and the stream on the terminal. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { newAccount } from '../harness/network.ts';
import { root, runDunlin, startDunlin } from '../harness/process.ts';
import { temporaryFolder } from '../harness/temporary.ts';
import { eventually } from '../harness/wait.ts';

let folder: { path: string; remove: () => Promise<void> };
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

test('up prints one ready line, serves all five, shows events on the terminal, and ends with 0 on SIGTERM', async () => {
  const up = await startDunlin(['up', '--json', '--port-base', '0', '--data', join(folder.path, 'up')]);
  expect(up.ready).toMatchObject({ ready: 'network' });
  const { plc, pds, relay, appview } = up.ready as { plc: string; pds: string[]; relay: string; appview: string };
  for (const url of [plc, ...pds, relay, appview]) {
    const health = await fetch(`${url}/_health`);
    expect([url, health.status]).toEqual([url, 200]);
  }

  const firehose = spawn(
    process.execPath,
    ['--no-warnings', join(root, 'cli/src/main.ts'), 'firehose', relay.replace('http', 'ws'), '--cursor', '0', '--verify', '--plc', plc, '--collection', 'app.bsky.feed.*'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let shown = '';
  firehose.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
  const dora = await newAccount(pds[0], 'dora.a.test');
  await dora.post({ text: 'on the terminal', createdAt: new Date().toISOString() });
  await eventually('the post is shown', () => shown.includes('on the terminal'));
  for (const line of shown.trim().split('\n')) JSON.parse(line);
  const firehoseEnded = new Promise((resolve) => firehose.once('exit', resolve));
  firehose.kill('SIGTERM');
  await firehoseEnded;

  expect(await up.stop()).toBe(0);
  expect(up.lines.length).toBe(1);
});

test('a second start on the same data keeps accounts, records and the sequence', async () => {
  const start = (): ReturnType<typeof startDunlin> =>
    startDunlin(['up', '--json', '--port-base', '0', '--data', join(folder.path, 'again')]);
  const first = await start();
  const listed = async (relay: string): Promise<string[]> => {
    const answer = (await (await fetch(`${relay}/xrpc/com.atproto.sync.listRepos`)).json()) as { repos: { did: string }[] };
    return answer.repos.map(({ did }) => did).sort();
  };
  const { relay } = first.ready as { relay: string };
  const before = await eventually('the relay knows the demo accounts', async () => {
    const dids = await listed(relay);
    return dids.length >= 2 && dids;
  });
  expect(await first.stop()).toBe(0);
  const second = await start();
  expect(await listed((second.ready as { relay: string }).relay)).toEqual(before);
  expect(await second.stop()).toBe(0);
});

test.each([
  ['pds', { PDS_PORT: 'many', PDS_HOSTNAM: 'typo' }, ['PDS_PORT', 'PDS_HOSTNAM']],
  ['relay', { RELAY_API_BIND: 'nowhere:at:all', RELAY_REPLAY_WINDO: '1h' }, ['RELAY_API_BIND', 'RELAY_REPLAY_WINDO']],
  ['plc', { PLC_PORT: '-1', PLC_POTR: '1' }, ['PLC_PORT', 'PLC_POTR']],
  ['appview', { APPVIEW_PORT: 'x', APPVIEW_RELAY: '1' }, ['APPVIEW_PORT', 'APPVIEW_RELAY']],
] as const)('%s ends with 78 and names every fault of its environment at once', async (server, environment, names) => {
  const { code, stdout, stderr } = await runDunlin([server], environment);
  expect(code).toBe(78);
  expect(stdout).toBe('');
  for (const name of names) expect(stderr).toContain(name);
});

test('a second network on the same data, and one on a port that is taken, end with 78 and say what to do', async () => {
  const data = join(folder.path, 'only one of me');
  const up = await startDunlin(['up', '--json', '--port-base', '0', '--data', data]);
  const second = await runDunlin(['up', '--json', '--port-base', '0', '--data', data]);
  expect([second.code, second.stdout]).toEqual([78, '']);
  expect(second.stderr).toContain(`another process is using the data folder: ${data}; --data DIR keeps a second network apart`);
  const port = new URL((up.ready as { plc: string }).plc).port;
  const other = await runDunlin(['up', '--json', '--port-base', port, '--data', join(folder.path, 'other')]);
  expect([other.code, other.stdout]).toEqual([78, '']);
  expect(other.stderr).toContain(`port ${port} is taken`);
  expect(other.stderr).toContain('--port-base 0 takes free ones');
  expect(await up.stop('SIGINT')).toBe(0);
});

test.each([
  ['plc', 'PLC_DATA_DIRECTORY', { PLC_PORT: '0' }],
  ['appview', 'APPVIEW_DATA_DIRECTORY', { APPVIEW_PORT: '0' }],
  ['pds', 'PDS_DATA_DIRECTORY', { PDS_PORT: '0', PDS_DEV_MODE: 'true' }],
  ['relay', 'RELAY_PERSIST_DIR', { RELAY_API_BIND: '127.0.0.1:0', RELAY_METRICS_LISTEN: '127.0.0.1:0' }],
])('%s keeps its data folder to one process, and finds it free after kill -9', async (server, variable, ports) => {
  const settings: Record<string, string> = { ...ports, [variable]: join(folder.path, `one ${server}`) };
  const first = await startDunlin([server], settings);
  const second = await runDunlin([server], settings);
  expect([second.code, second.stderr.includes('another process is using the data folder')]).toEqual([78, true]);
  await first.stop('SIGKILL');
  expect(await (await startDunlin([server], settings)).stop()).toBe(0);
});

test('help and version are answered with 0, a word nobody knows with 1 and where to look', async () => {
  const [help, version, unknown] = await Promise.all([runDunlin(['--help']), runDunlin(['--version']), runDunlin(['nonsense'])]);
  expect([help.code, version.code, unknown.code]).toEqual([0, 0, 1]);
  expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect(unknown.stderr).toContain("unknown command 'nonsense'");
  expect(unknown.stderr).toContain('--help');
});
