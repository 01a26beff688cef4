/**
 * A relay as a process between a host and a consumer on real sockets, verified and with fsync: how many commits a second
 * come through, against a forwarder on `ws` that looks at nothing and keeps nothing; and at half of that rate, how long a
 * commit takes from the host's send to the consumer's hand, against what the disk alone takes for a write and an fdatasync at
 * that time. Prints JSON lines; latencies with the goal they are held to and what they are made of.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { loadavg } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { FakeDirectory } from '../tests/relay/fixture/fake-directory.ts';
import { StandaloneHost, serveDirectory } from '../tests/relay/fixture/standalone-host.ts';
import { pace, startFedRelay } from './relay/fed-relay.ts';
import { makeCommits } from './relay/load.ts';
import { probeDisk, quantileMs, readFigures } from './relay/stages.ts';

const commits = 24_000;
const warmUp = 6_000;
const directory = new FakeDirectory();

interface Through {
  /** Frames a second once warm. */
  rate: number;
  /** Sorted, in ms; of paced runs. */
  latencies: number[];
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function nameOf(frame: Uint8Array): string {
  const { did, rev } = scanFrame(frame);
  return `${did} ${rev}`;
}

/** Connects a consumer, lets `begin` start the flow and waits for all frames. */
async function measure(url: string, count: number, sentAtMs: ReadonlyMap<string, number>, begin: () => void): Promise<Through> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/xrpc/com.atproto.sync.subscribeRepos`, { perMessageDeflate: false });
  await once(socket, 'open');
  let [received, warmAtMs] = [0, 0];
  const latencies: number[] = [];
  const finished = new Promise<void>((resolve, reject) => {
    socket.once('close', (code) => reject(new Error(`connection ended early: code=${code} received=${received}`)));
    socket.on('message', (data: Buffer) => {
      received += 1;
      if (received === warmUp) warmAtMs = performance.now();
      if (sentAtMs.size > 0 && received > warmUp) {
        const sentMs = sentAtMs.get(nameOf(data));
        if (sentMs !== undefined) latencies.push(performance.now() - sentMs);
      }
      if (received === count) resolve();
    });
  });
  begin();
  await finished;
  socket.terminate();
  return { rate: (count - warmUp) / ((performance.now() - warmAtMs) / 1000), latencies: latencies.sort((a, b) => a - b) };
}

async function forwarderRate(host: StandaloneHost): Promise<number> {
  const child = spawn(process.execPath, ['--no-warnings', join(import.meta.dirname, 'relay/forward.ts'), host.origin], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const { rate } = await measure((JSON.parse(line) as { url: string }).url, host.frames.length, new Map(), () => undefined);
  child.kill();
  return rate;
}

const plc = await serveDirectory(directory);
const host = await StandaloneHost.start();
const frames = makeCommits({ accounts: 40, recordsEach: 4_000, commits: commits * 2, directory, origin: host.origin });
const bytesEach = Math.round(frames.reduce((sum, frame) => sum + frame.length, 0) / frames.length);
host.frames.push(...frames.slice(0, commits));

const first = await startFedRelay(plc.url);
const through = await measure(first.url, commits, new Map(), () => void first.crawl(host));
await first.stop();
const forwarded = await forwarderRate(host);
print({
  bench: 'relay-through', figure: Math.round(through.rate), unit: 'verified commits/s, host to consumer, one verify worker, fsync', ratio: Number((through.rate / forwarded).toFixed(3)),
  against: `forwarding over ws unverified and unkept, ${Math.round(forwarded)} frames/s`, bytesEach, load: load(),
});

const relay = await startFedRelay(plc.url);
// The first half of the frames is the window already; the paced ones come after it, live.
await measure(relay.url, commits, new Map(), () => void relay.crawl(host));
const sentAtMs = new Map<string, number>();
const over = new AbortController();
const [disk, ownLoop] = [probeDisk(relay.folder, { bytes: bytesEach * 4, everyMs: 20, signal: over.signal }), monitorEventLoopDelay({ resolution: 5 })];
ownLoop.enable();
const before = await readFigures(relay.metricsUrl);
const half = await measure(relay.url, commits, sentAtMs, () => void pace(host, frames.slice(commits), through.rate / 2, (frame) => void sentAtMs.set(nameOf(frame), performance.now())));
const after = await readFigures(relay.metricsUrl);
ownLoop.disable();
over.abort();
const diskMs = await disk;
await relay.stop();
for (const [name, part, goal] of [['p50', 0.5, 3], ['p99', 0.99, 15]] as const) {
  const figure = at(half.latencies, part);
  const ofDisk = at(diskMs, part);
  print({
    bench: `relay-through, ${name} at half load`, figure: round(figure), unit: 'ms from send to receive, with fsync', ratio: round(figure / ofDisk), against: `a write and an fdatasync on the same disk at the same time, ${round(ofDisk)} ms`,
    goal, goalRatio: round(figure / goal), perSecond: Math.round(through.rate / 2), load: load(),
    // What the figure is made of, each by itself: quantiles do not add up.
    detail: {
      durableMs: round(quantileMs('relay_event_durable_seconds', before, after, part)), groupWriteMs: round(quantileMs('relay_log_write_seconds', before, after, part)),
      relayLoopDelayP99Ms: round(after.gauge('relay_process_event_loop_delay_p99_seconds') * 1_000), benchLoopDelayMs: round(ownLoop.percentile(part * 100) / 1e6),
    },
  });
}
await host.close();
await plc.close();

function at(sorted: readonly number[], part: number): number {
  return sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
}

function round(value: number): number {
  return Number(value.toFixed(2));
}

function load(): number {
  return round(loadavg()[0] ?? 0);
}
