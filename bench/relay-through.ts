/**
 * A relay as a process between a host and a consumer on real sockets, verified and with fsync: how many commits a second
 * come through, against a forwarder on `ws` that looks at nothing and keeps nothing; and at half of that rate, how long a
 * commit takes from the host's send to the consumer's hand. Prints JSON lines; latencies with the goal they are held to.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import { startDunlin } from '../tests/harness/process.ts';
import { temporaryFolder } from '../tests/harness/temporary.ts';
import { FakeDirectory } from '../tests/relay/fixture/fake-directory.ts';
import { StandaloneHost, serveDirectory } from '../tests/relay/fixture/standalone-host.ts';
import { makeCommits } from './relay/load.ts';

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

async function withRelay<T>(plcUrl: string, host: StandaloneHost, work: (url: string, crawl: () => void) => Promise<T>): Promise<T> {
  const folder = await temporaryFolder();
  const relay = await startDunlin(['relay'], {
    RELAY_API_BIND: '127.0.0.1:0', RELAY_METRICS_LISTEN: '127.0.0.1:0', RELAY_PERSIST_DIR: folder.path, RELAY_PLC_HOST: plcUrl,
    RELAY_ALLOW_INSECURE_HOSTS: 'true', RELAY_TRUSTED_DOMAINS: '127.0.0.1', RELAY_VERIFY_WORKERS: '1',
  });
  const url = String(relay.ready['url']);
  const crawl = (): void => void fetch(`${url}/xrpc/com.atproto.sync.requestCrawl`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ hostname: host.hostname }) });
  try {
    return await work(url, crawl);
  } finally {
    await relay.stop();
    await folder.remove();
  }
}

async function forwarderRate(host: StandaloneHost): Promise<number> {
  const child = spawn(process.execPath, ['--no-warnings', join(import.meta.dirname, 'relay/forward.ts'), host.origin], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const { rate } = await measure((JSON.parse(line) as { url: string }).url, host.frames.length, new Map(), () => undefined);
  child.kill();
  return rate;
}

/** Sends the frames to everyone connected, so many a second, and writes down when. */
function pace(host: StandaloneHost, frames: readonly Uint8Array[], perSecond: number, sentAtMs: Map<string, number>): void {
  const startMs = performance.now();
  let at = 0;
  const tick = (): void => {
    const due = Math.min(frames.length, Math.ceil(((performance.now() - startMs) / 1000) * perSecond));
    for (; at < due; at++) {
      const frame = frames[at]!;
      sentAtMs.set(nameOf(frame), performance.now());
      for (const socket of host.sockets) socket.send(frame, { binary: true });
    }
    if (at < frames.length) setTimeout(tick, 1);
  };
  tick();
}

const plc = await serveDirectory(directory);
const host = await StandaloneHost.start();
const frames = makeCommits({ accounts: 40, recordsEach: 4_000, commits: commits * 2, directory, origin: host.origin });
const bytesEach = Math.round(frames.reduce((sum, frame) => sum + frame.length, 0) / frames.length);
host.frames.push(...frames.slice(0, commits));
const through = await withRelay(plc.url, host, (url, crawl) => measure(url, commits, new Map(), crawl));
const forwarded = await forwarderRate(host);
print({
  bench: 'relay-through', figure: Math.round(through.rate), unit: 'verified commits/s, host to consumer, one verify worker, fsync', ratio: Number((through.rate / forwarded).toFixed(3)),
  against: `forwarding over ws unverified and unkept, ${Math.round(forwarded)} frames/s`, bytesEach,
});
const half = await withRelay(plc.url, host, async (url, crawl) => {
  // The first half of the frames is the window already; the paced ones come after it, live.
  await measure(url, commits, new Map(), crawl);
  const sentAtMs = new Map<string, number>();
  return await measure(url, commits, sentAtMs, () => pace(host, frames.slice(commits), through.rate / 2, sentAtMs));
});
for (const [name, part, goal] of [['p50', 0.5, 3], ['p99', 0.99, 15]] as const) {
  const figure = half.latencies[Math.floor(half.latencies.length * part)] ?? Number.NaN;
  print({
    bench: `relay-through, ${name} at half load`, figure: Number(figure.toFixed(2)), unit: 'ms from send to receive, with fsync', ratio: Number((figure / goal).toFixed(3)), against: `goal of ${goal} ms`, perSecond: Math.round(through.rate / 2),
  });
}
await host.close();
await plc.close();
