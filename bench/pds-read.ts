/**
 * How many getRecord and listRecords(100) a second, 16 at once, of 16 accounts with 200 posts each: our PDS against the
 * reference PDS, in turns. The client counts bytes and reads nothing (pds/raw-client.ts); that both answer alike is looked at
 * once before. The CPU of the server a call is the figure that no client can bound.
 * Prints JSON lines; see pds/rounds.ts for how they come about.
 */
import { accountCount, ask, askJson, makePosts, withPair, type Subject } from './pds/pair.ts';
import { callFor, inTurns, report } from './pds/rounds.ts';

const postCount = 200;

interface Listed {
  records: { uri: string; cid: string; value: { text: string } }[];
}

const listPath = ({ people }: Subject, index: number): string => `com.atproto.repo.listRecords?repo=${people[index].did}&collection=app.bsky.feed.post&limit=100`;

/** Sees that what is timed afterwards is the whole answer. */
async function check(subject: Subject, paths: readonly string[][]): Promise<void> {
  const { records } = await askJson<Listed>(subject, listPath(subject, 0));
  const single = await askJson<Listed['records'][0]>(subject, paths[0].at(-1) ?? '');
  if (records.length !== 100 || JSON.stringify(records[0]) !== JSON.stringify(single)) throw new Error(`${subject.name} answers something else than was written`);
}

await withPair(async (pair) => {
  const paths = new Map<Subject, string[][]>();
  for (const subject of pair.theirs === null ? [pair.ours] : [pair.ours, pair.theirs]) {
    const uris: string[][] = [];
    for (let index = 0; index < accountCount; index++) uris.push(await makePosts(subject, index, postCount));
    const mine = uris.map((each, index) => each.map((uri) => `com.atproto.repo.getRecord?repo=${subject.people[index].did}&collection=app.bsky.feed.post&rkey=${uri.split('/')[4]}`));
    await check(subject, mine);
    paths.set(subject, mine);
  }
  let turn = 0;
  const calls = {
    getRecord: (subject: Subject, index: number) => ask(subject, paths.get(subject)?.[index][turn++ % postCount] ?? ''),
    'listRecords(100)': (subject: Subject, index: number) => ask(subject, listPath(subject, index)),
  };
  for (const [name, one] of Object.entries(calls)) {
    const results = await inTurns(pair, (subject, isWarmUp) => callFor(subject, { ms: isWarmUp ? 1_000 : 2_500 }, one));
    report(`pds-read, ${name}, 16 at once`, results, { unit: 'calls/s', pick: (round) => round.perSecond, better: 'more', goal: '≥ 8 ×' });
    report(`pds-read, ${name}, CPU of the server a call`, results, { unit: 'ms', pick: (round) => round.cpuMsPerCall, better: 'less' });
    report(`pds-read, ${name}, p99 each at its own rate`, results, { unit: 'ms', pick: (round) => round.p99Ms, better: 'less' });
  }
});
