/**
 * How quickly a relay as a process of its own replays its log on disk: to one consumer from cursor 0 to the end, against
 * `cat` of the same files; and to 100 consumers at once. Readers look at nothing (relay/readers.ts), so that the relay is
 * what is measured. Prints JSON lines with the load of the machine.
 */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { subscribeReposPath } from '@dunlin/service/firehose/subscribe';
import { startDunlin } from '../tests/harness/process.ts';
import { temporaryFolder } from '../tests/harness/temporary.ts';
import { FakeDirectory } from '../tests/relay/fixture/fake-directory.ts';
import { StandaloneHost, serveDirectory } from '../tests/relay/fixture/standalone-host.ts';
import { cpuSeconds } from './pds/pair.ts';
import { makeCommits } from './relay/load.ts';
import { Readers, times } from './relay/readers.ts';

const commits = 24_000;
const consumers = 100;
const windowMs = 3_000;
const rounds = 3;
const fillMs = 120_000;

interface Rate {
  bytesPerSecond: number;
  bytesPerCpuSecond: number;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** Opens so many consumers from cursor 0; the rate until `untilBytes` have come or the window is over. */
async function replay(o: { port: number; pid: number; count: number; untilBytes: number }): Promise<Rate> {
  const [cpuBefore, start] = [cpuSeconds(o.pid), performance.now()];
  const readers = await Readers.start(o.port, times(o.count, `${subscribeReposPath}?cursor=0`));
  let startedMs = performance.now();
  if (startedMs - start > windowMs) startedMs = start;
  let bytes = 0;
  while (bytes < o.untilBytes && performance.now() - startedMs < windowMs) {
    await pause(5);
    bytes = await readers.bytes();
  }
  const [seconds, cpu] = [(performance.now() - startedMs) / 1_000, cpuSeconds(o.pid) - cpuBefore];
  await readers.close();
  return { bytesPerSecond: bytes / seconds, bytesPerCpuSecond: bytes / Math.max(cpu, 0.01) };
}

function dataFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.dat')).map((name) => join(folder, name));
}

/** Starts a relay on a host with the commits and waits until its log has them all. */
async function filledRelay(folder: string, plcUrl: string, host: StandaloneHost) {
  const relay = await startDunlin(['relay'], {
    RELAY_API_BIND: '127.0.0.1:0', RELAY_METRICS_LISTEN: '127.0.0.1:0', RELAY_PERSIST_DIR: folder, RELAY_PLC_HOST: plcUrl,
    RELAY_ALLOW_INSECURE_HOSTS: 'true', RELAY_TRUSTED_DOMAINS: '127.0.0.1', RELAY_VERIFY_WORKERS: '1',
  });
  const url = new URL(String(relay.ready['url']));
  await fetch(new URL('/xrpc/com.atproto.sync.requestCrawl', url), { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ hostname: host.hostname }) });
  const wanted = host.frames.reduce((sum, frame) => sum + frame.length, 0);
  const bytes = (): number => dataFiles(folder).reduce((sum, file) => sum + usedBytes(file), 0);
  const endMs = performance.now() + fillMs;
  while (bytes() < wanted) {
    if (performance.now() > endMs) throw new Error(`the relay has ${bytes()} of ${wanted} bytes after ${fillMs} ms`);
    await pause(200);
  }
  return { relay, port: Number(url.port), bytes: bytes() };
}

/** Bytes of a segment; a file that is made at its full length ends with zeros. */
function usedBytes(file: string): number {
  return statSync(file).size === 0 ? 0 : readFileSync(file).findLastIndex((byte) => byte !== 0) + 1;
}

const folder = await temporaryFolder();
const directory = new FakeDirectory();
const plc = await serveDirectory(directory);
const host = await StandaloneHost.start();
host.frames.push(...makeCommits({ accounts: 40, recordsEach: 400, commits, directory, origin: host.origin }));
const { relay, port, bytes } = await filledRelay(folder.path, plc.url, host);
const pid = relay.child.pid ?? 0;
const [one, many, cat]: [Rate[], Rate[], number[]] = [[], [], []];
try {
  for (let round = 0; round < rounds; round++) {
    one.push(await replay({ port, pid, count: 1, untilBytes: bytes }));
    many.push(await replay({ port, pid, count: consumers, untilBytes: Infinity }));
    const start = performance.now();
    await promisify(execFile)('/bin/sh', ['-c', 'cat "$@" | cat >/dev/null', 'cat', ...dataFiles(folder.path)]);
    cat.push(bytes / ((performance.now() - start) / 1_000));
  }
} finally {
  await relay.stop();
  await host.close();
  await plc.close();
  await folder.remove();
}
const eventBytes = bytes / commits;
const ratio = Number(median(one.map(({ bytesPerSecond }, round) => bytesPerSecond / cat[round])).toFixed(3));
const shared = { against: '`cat` of the log through a pipe', bytesEach: Math.round(eventBytes), load: Number(loadavg()[0].toFixed(2)) };
const print = (line: object): void => void process.stdout.write(`${JSON.stringify({ ...line, ...shared })}\n`);
const oneRate = median(one.map(({ bytesPerSecond }) => bytesPerSecond));
print({ bench: 'relay-replay, one consumer', figure: Math.round(oneRate / eventBytes), unit: 'events/s', ratio, goal: '≥ 150,000' });
print({ bench: 'relay-replay, one consumer, bytes', figure: Math.round(oneRate / 1e6), unit: 'MB/s', ratio, goal: '≥ 500' });
const perCpu = median(many.map(({ bytesPerCpuSecond }) => bytesPerCpuSecond));
print({ bench: `relay-replay, ${consumers} consumers at once`, figure: Math.round(perCpu / eventBytes), unit: 'events per second of the relay\'s CPU', ratio: Number(median(many.map(({ bytesPerCpuSecond }, round) => bytesPerCpuSecond / cat[round])).toFixed(3)) });
