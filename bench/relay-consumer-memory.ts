/**
 * What an idle consumer costs a relay in memory: resident memory of the process that serves it, with 1,000 and with 5,000
 * consumers, divided by the difference, so that what the first ones bring with them does not count. In one process and in a
 * process for consumers. Against a plain `ws` server, measured the same way in the same run. Prints JSON lines.
 * Needs 5,000 file descriptors a process: see `ulimit -n`.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { subscribeReposPath } from '@dunlin/service/firehose/subscribe';
import { startFedRelay } from './relay/fed-relay.ts';
import { Readers, times } from './relay/readers.ts';

const [few, many] = [1_000, 5_000];
const settleMs = 4_000;

/** Resident memory of a process, in bytes; anonymous pages, so that files which are mapped do not count. */
function residentBytes(pid: number): number {
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1_024;
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, settleMs));

/** Connects some, then more, and gives what each of the later ones cost. */
async function bytesEach(port: number, pid: number, path: string): Promise<number> {
  const first = await Readers.start(port, times(few, path));
  await settled();
  const before = residentBytes(pid);
  const rest = await Readers.start(port, times(many - few, path));
  await settled();
  const bytes = (residentBytes(pid) - before) / (many - few);
  await Promise.all([first.close(), rest.close()]);
  return bytes;
}

async function ofRelay(processes: number): Promise<number> {
  const relay = await startFedRelay('http://127.0.0.1:1', { RELAY_FANOUT_PROCESSES: String(processes) });
  try {
    return await bytesEach(relay.port, relay.servingPids[0] ?? relay.pid, subscribeReposPath);
  } finally {
    await relay.stop();
  }
}

async function ofPlainServer(): Promise<number> {
  const child: ChildProcess = spawn(process.execPath, ['--no-warnings', join(import.meta.dirname, 'relay/forward.ts'), 'http://127.0.0.1:1'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = (await once(createInterface({ input: child.stdout! }), 'line')) as [string];
  try {
    return await bytesEach(Number(new URL((JSON.parse(line) as { url: string }).url).port), child.pid ?? 0, '/');
  } finally {
    child.kill();
  }
}

const plain = await ofPlainServer();
for (const processes of [0, 1]) {
  const each = await ofRelay(processes);
  process.stdout.write(`${JSON.stringify({
    bench: `relay-consumer-memory, ${processes === 0 ? 'one process' : 'a process for consumers'}`, figure: Math.round(each), unit: 'bytes an idle consumer', ratio: Number((each / plain).toFixed(2)),
    against: `a plain ws server, ${Math.round(plain)} bytes`, goal: 16_384, goalRatio: Number((each / 16_384).toFixed(2)),
  })}\n`);
}
