/**
 * How long a commit takes to a subscriber, with the server idle in between: our PDS against the reference PDS, in turns, by
 * clients on bare sockets. Told apart are the time from sending a createRecord until its frame is here, with the fsync in it;
 * and from its answer, which says that the commit is durable, until its frame is here: nothing where the frame comes first.
 * Beside it, in the pauses of the same rounds, what the disk alone takes for a write and an fdatasync of as much.
 * Prints JSON lines; see pds/rounds.ts for how they come about.
 */
import { fdatasyncSync, openSync, closeSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../tests/harness/temporary.ts';
import { createPost, withPair, type Subject } from './pds/pair.ts';
import { RawSubscriber } from './pds/raw-subscriber.ts';
import { inTurns, print, quantile, report, type Rounds } from './pds/rounds.ts';

const writes = { dunlin: 200, reference: 40 };

/** What a createRecord of ours adds to the write-ahead log, about, in bytes: eleven pages. */
const diskBytes = 11 * 4_120;

interface Latencies {
  fromSending: number[];
  fromAnswer: number[];
  disk: number[];
}

const folder = await temporaryFolder();
const probe = openSync(join(folder.path, 'disk-probe'), 'w');
const probeBytes = Buffer.alloc(diskBytes, 7);

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 60));

/** The temporary folder is where the servers have their data too. */
function writeToDisk(): number {
  const start = performance.now();
  writeSync(probe, probeBytes);
  fdatasyncSync(probe);
  return performance.now() - start;
}

/** Writes one at a time, at uneven distances. */
async function latencies(subject: Subject, isWarmUp: boolean): Promise<Latencies> {
  const subscriber = await RawSubscriber.open(subject.url);
  const found: Latencies = { fromSending: [], fromAnswer: [], disk: [] };
  const count = isWarmUp ? 10 : writes[subject.name];
  for (let index = 0; index < count; index++) {
    await pause();
    const frame = subscriber.next();
    const sentMs = performance.now();
    const answer = createPost(subject, index % subject.people.length).then(() => performance.now());
    const [frameMs, answerMs] = await Promise.all([frame, answer]);
    found.fromSending.push(frameMs - sentMs);
    found.fromAnswer.push(Math.max(0, frameMs - answerMs));
    await pause();
    found.disk.push(writeToDisk());
  }
  subscriber.end();
  return found;
}

const goal = '≤ 10 ms';

/** Tells a quantile of ours against the disk, with what the rounds say beside the reference. */
function tell(results: Rounds<Latencies>, name: string, part: number): void {
  const ours = results.ours.map(({ fromSending }) => quantile(fromSending, part));
  const disk = results.ours.map((round) => quantile(round.disk, part));
  report(`pds-latency, write sent to frame, ${name}`, results, { unit: 'ms', pick: ({ fromSending }) => quantile(fromSending, part), better: 'less' });
  report(`pds-latency, answer received to frame, ${name}`, results, { unit: 'ms', pick: ({ fromAnswer }) => Math.max(0.01, quantile(fromAnswer, part)), better: 'less', ...(part === 0.99 && { goal }) });
  print(`pds-latency, write sent to frame, ${name}, against the disk`, {
    figure: quantile(ours, 0.5), unit: 'ms', ratio: quantile(ours.map((ms, round) => ms / disk[round]), 0.5), theirs: quantile(disk, 0.5), against: 'a write and an fdatasync on the same disk in the same rounds',
  });
}

try {
  await withPair(async (pair) => {
    const results = await inTurns(pair, latencies);
    for (const [name, part] of [['p50', 0.5], ['p99', 0.99]] as const) tell(results, name, part);
  });
} finally {
  closeSync(probe);
  await folder.remove();
}
