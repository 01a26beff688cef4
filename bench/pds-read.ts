/**
 * How many getRecord and listRecords(100) a second, 16 at once, of 16 accounts with 200 posts each: our PDS against the
 * reference PDS, in turns. The client stands in one process and takes its share of the machine: for quick answers it, not
 * the server, may be the bound; the CPU of the server a call has no such bound.
 * Prints JSON lines; see pds/rounds.ts for how they come about.
 */
import { accountCount, applyPosts, ask, withPair, type Subject } from './pds/pair.ts';
import { callFor, inTurns, report } from './pds/rounds.ts';

await withPair(async (pair) => {
  const paths = new Map<Subject, string[][]>();
  for (const subject of pair.theirs === null ? [pair.ours] : [pair.ours, pair.theirs]) {
    const uris: string[][] = [];
    for (let index = 0; index < accountCount; index++) uris.push(await applyPosts(subject, index, 200));
    paths.set(subject, uris.map((mine, index) => mine.map((uri) => `com.atproto.repo.getRecord?repo=${subject.people[index].did}&collection=app.bsky.feed.post&rkey=${uri.split('/')[4]}`)));
  }
  let turn = 0;
  const calls = {
    getRecord: (subject: Subject, index: number) => ask(subject.pool, paths.get(subject)?.[index][turn++ % 200] ?? ''),
    'listRecords(100)': ({ pool, people }: Subject, index: number) => ask(pool, `com.atproto.repo.listRecords?repo=${people[index].did}&collection=app.bsky.feed.post&limit=100`),
  };
  for (const [name, one] of Object.entries(calls)) {
    const results = await inTurns(pair, (subject, isWarmUp) => callFor(subject, { ms: isWarmUp ? 1_000 : 2_500 }, one));
    report(`pds-read, ${name}, 16 at once`, results, { unit: 'calls/s', pick: (round) => round.perSecond, better: 'more', goal: '≥ 8 ×' });
    report(`pds-read, ${name}, CPU of the server a call`, results, { unit: 'ms', pick: (round) => round.cpuMsPerCall, better: 'less' });
    report(`pds-read, ${name}, p99 each at its own rate`, results, { unit: 'ms', pick: (round) => round.p99Ms, better: 'less' });
  }
});
