/**
 * A hundred live consumers of a relay as a process, fed by a host at an even pace, everything verified and with fsync: how
 * many frames reach them for a second of CPU of whatever serves them; in one process, and with RELAY_FANOUT_PROCESSES 1 and 2.
 * In one process serving is the CPU beyond that of the same relay under the same load with nobody listening. Against a
 * forwarder on `ws` that sends each frame to each consumer, at the same pace in the same run. Prints JSON lines.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { subscribeReposPath } from '@dunlin/service/firehose/subscribe';
import { FakeDirectory } from '../tests/relay/fixture/fake-directory.ts';
import { StandaloneHost, serveDirectory } from '../tests/relay/fixture/standalone-host.ts';
import { cpuSeconds } from './pds/pair.ts';
import { pace, startFedRelay } from './relay/fed-relay.ts';
import { Readers, times } from './relay/readers.ts';
import { makeCommits } from './relay/load.ts';

const consumers = 100;
const perSecond = Number(process.env['RELAY_BENCH_RATE'] ?? 2_500);
const seconds = 4;
const warmUp = 400;

const directory = new FakeDirectory();
const plc = await serveDirectory(directory);
const host = await StandaloneHost.start();
// Small repositories: frames of about the 1.5 kB that the goal is set in.
const frames = makeCommits({ accounts: 400, recordsEach: 0, commits: warmUp + perSecond * seconds, directory, origin: host.origin });
host.frames.push(...frames.slice(0, warmUp));
const paced = frames.slice(warmUp);
const bytesEach = paced.reduce((sum, frame) => sum + frame.length, 0) / paced.length;

interface Window {
  readonly framesPerSecond: number;
  /** CPU seconds of each process during the window. */
  readonly cpu: readonly number[];
}

/** Lets the host send, and measures. */
async function measure(o: { port: number; pids: readonly number[]; count: number; path: string; begin: () => Promise<void> }): Promise<Window> {
  const readers = await Readers.start(o.port, times(o.count, o.path));
  await o.begin();
  while (o.count > 0 && (await readers.bytes()) < warmUp * bytesEach * 0.9) await new Promise((resolve) => setTimeout(resolve, 50));
  await new Promise((resolve) => setTimeout(resolve, 500));
  const [cpuBefore, bytesBefore, startMs] = [o.pids.map(cpuSeconds), await readers.bytes(), performance.now()];
  await pace(host, paced, perSecond);
  const wanted = bytesBefore + paced.length * o.count * bytesEach;
  for (let waits = 0; waits < 200 && (await readers.bytes()) < wanted; waits++) await new Promise((resolve) => setTimeout(resolve, 20));
  const wallSeconds = (performance.now() - startMs) / 1_000;
  const cpu = o.pids.map((pid, index) => cpuSeconds(pid) - (cpuBefore[index] ?? 0));
  const received = ((await readers.bytes()) - bytesBefore) / bytesEach;
  await readers.close();
  return { framesPerSecond: received / wallSeconds, cpu };
}

async function throughRelay(processes: number, count: number): Promise<Window & { serving: number }> {
  const relay = await startFedRelay(plc.url, { RELAY_FANOUT_PROCESSES: String(processes) });
  try {
    const pids = [relay.pid, ...relay.servingPids];
    const window = await measure({ port: relay.port, pids, count, path: subscribeReposPath, begin: () => relay.crawl(host) });
    const [own = 0, ...serving] = window.cpu;
    return { ...window, serving: processes === 0 ? own : serving.reduce((sum, each) => sum + each, 0) };
  } finally {
    await relay.stop();
  }
}

async function throughForwarder(): Promise<Window> {
  const child = spawn(process.execPath, ['--no-warnings', join(import.meta.dirname, 'relay/forward.ts'), host.origin], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const { port } = new URL((JSON.parse(line) as { url: string }).url);
  try {
    return await measure({ port: Number(port), pids: [child.pid ?? 0], count: consumers, path: '/', begin: async () => undefined });
  } finally {
    child.kill();
  }
}

const round = (value: number, digits = 2): number => Number(value.toFixed(digits));
const each = await throughForwarder();
const nobody = await throughRelay(0, 0);
for (const processes of [0, 1, 2]) {
  const window = await throughRelay(processes, consumers);
  const servingSeconds = processes === 0 ? window.serving - nobody.serving : window.serving;
  const rate = (paced.length * consumers) / servingSeconds;
  process.stdout.write(`${JSON.stringify({
    bench: `relay-fanout, ${processes === 0 ? 'one process for all' : `${processes} for consumers`}`, figure: Math.round(rate), unit: `frames per second of CPU that serves ${consumers} consumers`,
    ratio: round(rate / ((paced.length * consumers) / (each.cpu[0] ?? 1))), against: 'one ws.send a frame and consumer, at the same pace', goal: '1,000,000 and a ratio of 10',
    detail: { framesPerSecond: Math.round(window.framesPerSecond), perSecond, bytesEach: Math.round(bytesEach), cpuSeconds: window.cpu.map((value) => round(value)), cpuSecondsOfRelayAlone: round(nobody.serving), forwarderCpuSeconds: round(each.cpu[0] ?? 0), forwarderFramesPerSecond: Math.round(each.framesPerSecond), load: round(loadavg()[0] ?? 0) },
  })}\n`);
}
await host.close();
await plc.close();
