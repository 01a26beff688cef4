/**
 * What a host costs a relay: so many hosts (5,000, or the first argument), each on a port of its own, in one process
 * beside it. Memory of the relay per host, how long it takes until all are connected, and CPU while they say nothing.
 * Compared with plain `ws` clients to the same ports. Prints JSON lines.
 * Both processes need a file descriptor or two a host: see `ulimit -n`.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startDunlin } from '../tests/harness/process.ts';
import { temporaryFolder } from '../tests/harness/temporary.ts';

const hosts = Number(process.argv[2] ?? 5_000);
const quietSeconds = 10;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const print = (line: object): void => void process.stdout.write(`${JSON.stringify({ bench: 'relay-hosts', hosts, ...line })}\n`);

function child(file: string, ...args: string[]): ChildProcess {
  return spawn(process.execPath, ['--no-warnings', join(import.meta.dirname, 'relay', file), ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
}

async function firstLine({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new Error('child has no stdout');
  const [line] = (await once(createInterface({ input: stdout }), 'line')) as [string];
  return line;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

interface Figures {
  readonly active: number;
  readonly rss: number;
  readonly cpuSeconds: number;
}

async function figuresOf(port: number): Promise<Figures> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const value = (name: string): number => Number(new RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
  return { active: value('relay_hosts_active'), rss: value('relay_process_resident_memory_bytes'), cpuSeconds: value('relay_process_cpu_seconds') };
}

interface Run {
  readonly idle: Figures;
  readonly quietCpu: number;
  readonly connectSeconds: number;
}

/** Starts a relay that listens to these hosts, and measures it. */
async function measure(names: readonly string[]): Promise<Run> {
  const folder = await temporaryFolder();
  const port = await freePort();
  const startMs = performance.now();
  const relay = await startDunlin(['relay'], {
    RELAY_API_BIND: '127.0.0.1:0', RELAY_METRICS_LISTEN: `127.0.0.1:${port}`, RELAY_PERSIST_DIR: folder.path, RELAY_PLC_HOST: 'http://127.0.0.1:1',
    RELAY_ALLOW_INSECURE_HOSTS: 'true', RELAY_HOSTS: names.join(','), RELAY_VERIFY_WORKERS: '1',
  });
  try {
    while ((await figuresOf(port)).active < names.length) await sleep(50);
    const connectSeconds = (performance.now() - startMs) / 1000;
    await sleep(2_000);
    const before = await figuresOf(port);
    await sleep(quietSeconds * 1_000);
    const idle = await figuresOf(port);
    return { idle, quietCpu: (idle.cpuSeconds - before.cpuSeconds) / quietSeconds, connectSeconds };
  } finally {
    await relay.stop();
    await folder.remove();
  }
}

const many = child('many-hosts.ts', String(hosts));
const ports = JSON.parse(await firstLine(many)) as number[];
const bare = child('bare-sockets.ts');
bare.stdin?.write(`${JSON.stringify(ports)}\n`);
const plain = JSON.parse(await firstLine(bare)) as { bytesEach: number; seconds: number };

const none = await measure([]);
const full = await measure(ports.map((port) => `127.0.0.1:${port}`));
const bytesEach = Math.round((full.idle.rss - none.idle.rss) / hosts);
const seconds = full.connectSeconds - none.connectSeconds;
print({ figure: bytesEach, unit: 'bytes a host', ratio: Number((bytesEach / plain.bytesEach).toFixed(2)), against: 'a plain ws client', plainBytes: plain.bytesEach, rssMegabytes: Math.round(full.idle.rss / 1e6), rssWithoutHosts: Math.round(none.idle.rss / 1e6) });
print({ figure: Number(seconds.toFixed(2)), unit: 'seconds until all are connected, beyond a start without hosts', ratio: Number((seconds / plain.seconds).toFixed(2)), against: 'plain ws clients, 200 at a time' });
print({ figure: Number(full.quietCpu.toFixed(4)), unit: 'cores while no host says anything', ratio: Number((full.quietCpu / none.quietCpu).toFixed(2)), against: 'a relay without hosts' });
many.stdin?.end();
