/**
 * How quickly a repository of 20,000 posts is exported by sync.getRepo, and how much resident memory the server grows by
 * meanwhile: our PDS against the reference PDS, in turns.
 * Prints JSON lines; see pds/rounds.ts for how they come about.
 */
import { applyPosts, residentMb, withPair, type Subject } from './pds/pair.ts';
import { inTurns, report } from './pds/rounds.ts';

const recordCount = 20_000;

interface Export {
  mbPerSecond: number;
  recordsPerSecond: number;
  growthMb: number;
}

async function exportRepo({ pool, people, pid }: Subject): Promise<Export> {
  const beforeMb = residentMb(pid);
  let [bytes, highestMb] = [0, beforeMb];
  const timer = setInterval(() => (highestMb = Math.max(highestMb, residentMb(pid))), 10);
  const start = performance.now();
  const response = await pool.request({ method: 'GET', path: `/xrpc/com.atproto.sync.getRepo?did=${people[0].did}` });
  if (response.statusCode !== 200) throw new Error(`getRepo answered ${response.statusCode}`);
  for await (const chunk of response.body) bytes += (chunk as Buffer).length;
  const seconds = (performance.now() - start) / 1_000;
  clearInterval(timer);
  return { mbPerSecond: bytes / 1e6 / seconds, recordsPerSecond: recordCount / seconds, growthMb: highestMb - beforeMb };
}

await withPair(async (pair) => {
  for (const subject of pair.theirs === null ? [pair.ours] : [pair.ours, pair.theirs]) {
    for (let written = 0; written < recordCount; written += 200) await applyPosts(subject, 0, 200);
  }
  const results = await inTurns(pair, exportRepo);
  report('pds-export, 20,000 posts', results, { unit: 'MB/s', pick: (one) => one.mbPerSecond, better: 'more', goal: '≥ 10 ×' });
  report('pds-export, 20,000 posts, records', results, { unit: 'records/s', pick: (one) => one.recordsPerSecond, better: 'more' });
  report('pds-export, growth of resident memory', results, { unit: 'MB', pick: (one) => Math.max(0.1, one.growthMb), better: 'less', goal: 'flat' });
});
