/** What the documents print works as printed: the SDK's quick start, and one server of each kind by hand. Only ports and folders are changed. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newAccount, startTestNetwork } from '../harness/network.ts';
import { root, startDunlin, type StartedProcess } from '../harness/process.ts';
import { temporaryFolder } from '../harness/temporary.ts';
import { eventually } from '../harness/wait.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

/** The first fenced block of a language below a heading. */
function block(path: string, heading: string, language: string): string {
  const text = readFileSync(join(root, path), 'utf8');
  const below = text.slice(text.indexOf(`## ${heading}\n`));
  const found = new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``).exec(below)?.[1];
  if (found === undefined) throw new Error(`no ${language} block below "${heading}" in ${path}`);
  return found;
}

interface Bot {
  said: () => string;
  complained: () => string;
  end: () => Promise<number | null>;
}

function startBot(cwd: string): Bot {
  const child: ChildProcess = spawn(process.execPath, ['--no-warnings', 'bot.ts'], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout!.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr!.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const exit = once(child, 'close');
  return {
    said: () => out,
    complained: () => err,
    end: async () => {
      child.kill('SIGINT');
      return ((await exit) as [number | null])[0];
    },
  };
}

test('the quick start of the SDK prints what is written, ends with 0, and goes on from its cursor', async () => {
  const network = await startTestNetwork({ demo: true });
  const bot = join(folder.path, 'a bot');
  await mkdir(join(bot, 'node_modules/@dunlin'), { recursive: true });
  // What `npm install FOLDER` makes.
  await symlink(join(root, 'firehose-consumer'), join(bot, 'node_modules/@dunlin/firehose-consumer'));
  await writeFile(join(bot, 'package.json'), '{"type":"module"}');
  const sample = block('firehose-consumer/README.md', 'Quick start', 'ts');
  await writeFile(join(bot, 'bot.ts'), sample.replace('http://127.0.0.1:2582', network.plc).replace('ws://127.0.0.1:2470', network.relay.replace('http', 'ws')));

  const first = startBot(bot);
  await eventually("the demo's post is printed", () => first.said().includes('First light on the mudflats'));
  const agent = await network.newAccount(1, 'emil');
  const { uri } = await agent.post({ text: 'while it listens', createdAt: new Date().toISOString() });
  await eventually('a new post is printed', () => first.said().includes(`create ${uri}`));
  await agent.deletePost(uri);
  await eventually('a deleted post is told', () => first.said().includes(`gone ${uri}`));
  expect([await first.end(), first.complained()]).toEqual([0, '']);

  await agent.post({ text: 'while it was away', createdAt: new Date().toISOString() });
  const second = startBot(bot);
  await eventually('what happened meanwhile is printed', () => second.said().includes('while it was away'));
  expect([await second.end(), second.said().includes('while it listens')]).toEqual([0, false]);
  await network.close();
}, 90_000);

const anyPort: Record<string, Record<string, string>> = {
  plc: { PLC_PORT: '0' },
  relay: { RELAY_API_BIND: '127.0.0.1:0', RELAY_METRICS_LISTEN: '127.0.0.1:0' },
  pds: { PDS_PORT: '0' },
  appview: { APPVIEW_PORT: '0' },
};
const folderName: Record<string, string> = { plc: 'PLC_DATA_DIRECTORY', relay: 'RELAY_PERSIST_DIR', pds: 'PDS_DATA_DIRECTORY', appview: 'APPVIEW_DATA_DIRECTORY' };
const defaultUrl: Record<string, string> = { plc: 'http://127.0.0.1:2582', relay: 'http://127.0.0.1:2470' };

test('one of each by hand, as operations.md prints it, is a network; every one ends with 0', async () => {
  const started = new Map<string, StartedProcess & { url: string }>();
  for (const line of block('docs/operations.md', 'One of each, by hand', 'sh').trim().split('\n')) {
    const name = /\.\/dunlin (\w+)$/.exec(line)?.[1] ?? '';
    const settings: Record<string, string> = { ...anyPort[name], [folderName[name]]: join(folder.path, `by hand ${name}`) };
    // The relay's default address is the app view's default; with other ports it must be said.
    if (name === 'appview') settings['APPVIEW_RELAY_URL'] = 'http://127.0.0.1:2470';
    for (const [, variable, value] of line.matchAll(/([A-Z_]+)=(\S+)/g)) settings[variable] = value;
    for (const [other, url] of Object.entries(defaultUrl)) {
      for (const [variable, value] of Object.entries(settings)) if (value === url) settings[variable] = started.get(other)!.url;
    }
    const server = await startDunlin([name], settings);
    started.set(name, { ...server, url: String(server.ready['url']) });
  }
  expect([...started.keys()]).toEqual(['plc', 'relay', 'pds', 'appview']);

  const ann = await newAccount(started.get('pds')!.url, 'ann.test');
  const subject = 'https://example.com/by-hand';
  await ann.com.atproto.repo.createRecord({ repo: ann.assertDid, collection: 'app.dunlin.live.reaction', record: { $type: 'app.dunlin.live.reaction', subject: { $type: 'app.dunlin.live.reaction#webSubject', uri: subject }, value: '🐦', createdAt: new Date().toISOString() } });
  await eventually('the reaction is counted at the other end', async () => {
    const answer = await fetch(`${started.get('appview')!.url}/xrpc/app.dunlin.live.getReactions?subject=${encodeURIComponent(subject)}`);
    return ((await answer.json()) as { counts: { people: number } }).counts.people === 1;
  }, 30_000);
  for (const server of [...started.values()].toReversed()) expect(await server.stop('SIGINT')).toBe(0);
}, 90_000);
