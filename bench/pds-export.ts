/**
 * How quickly a repository of 20,000 posts is exported by sync.getRepo, how much CPU that takes the server, and how much its
 * resident memory grows by meanwhile: our PDS against the reference PDS, in turns. The client counts bytes and reads nothing;
 * that the CAR is whole is looked at once before.
 * Prints JSON lines; see pds/rounds.ts for how they come about.
 */
import { readCar } from '@dunlin/protocol/car/read';
import { applyPosts, ask, cpuSeconds, residentMb, withPair, type Subject } from './pds/pair.ts';
import { inTurns, report } from './pds/rounds.ts';

const recordCount = 20_000;

/** Exports a round, one after the other: one alone is over too soon to be timed. */
const exportsEach = { dunlin: 12, reference: 2 };

interface Export {
  mbPerSecond: number;
  recordsPerSecond: number;
  cpuMs: number;
  growthMb: number;
}

const exportPath = ({ people }: Subject): string => `com.atproto.sync.getRepo?did=${people[0].did}`;

/** Sees that what is timed afterwards is the whole repository. */
async function check(subject: Subject): Promise<void> {
  const response = await fetch(`${subject.url}/xrpc/${exportPath(subject)}`);
  const { blocks } = readCar(new Uint8Array(await response.arrayBuffer()));
  if (blocks.size < recordCount) throw new Error(`${subject.name} exports ${blocks.size} blocks`);
}

async function exportRepo(subject: Subject): Promise<Export> {
  const count = exportsEach[subject.name];
  const beforeMb = residentMb(subject.pid);
  const cpuBefore = cpuSeconds(subject.pid);
  let [bytes, highestMb] = [0, beforeMb];
  const timer = setInterval(() => (highestMb = Math.max(highestMb, residentMb(subject.pid))), 20);
  const start = performance.now();
  for (let index = 0; index < count; index++) bytes += await ask(subject, exportPath(subject));
  const seconds = (performance.now() - start) / 1_000;
  clearInterval(timer);
  return {
    mbPerSecond: bytes / 1e6 / seconds,
    recordsPerSecond: (recordCount * count) / seconds,
    cpuMs: ((cpuSeconds(subject.pid) - cpuBefore) * 1_000) / count,
    growthMb: highestMb - beforeMb,
  };
}

await withPair(async (pair) => {
  for (const subject of pair.theirs === null ? [pair.ours] : [pair.ours, pair.theirs]) {
    for (let written = 0; written < recordCount; written += 200) await applyPosts(subject, 0, 200);
    await check(subject);
  }
  const results = await inTurns(pair, exportRepo);
  report('pds-export, 20,000 posts', results, { unit: 'MB/s', pick: (one) => one.mbPerSecond, better: 'more', goal: '≥ 10 ×' });
  report('pds-export, 20,000 posts, records', results, { unit: 'records/s', pick: (one) => one.recordsPerSecond, better: 'more' });
  report('pds-export, CPU of the server an export', results, { unit: 'ms', pick: (one) => one.cpuMs, better: 'less' });
  report('pds-export, growth of resident memory', results, { unit: 'MB', pick: (one) => Math.max(0.1, one.growthMb), better: 'less', goal: 'flat' });
});
