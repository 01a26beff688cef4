/**
 * How many createRecord a second, with 16 accounts at once, every answer durable: our PDS against the reference PDS, by the
 * same client with the same records, in turns; the server's CPU a call; and how long a call takes at the best rate of the reference.
 * Prints JSON lines; see pds/rounds.ts for how they come about.
 */
import { createPost, withPair } from './pds/pair.ts';
import { callFor, inTurns, quantile, report, type Rounds, type Round } from './pds/rounds.ts';

const bench = 'pds-create-record';

await withPair(async (pair) => {
  const results = await inTurns(pair, (subject, isWarmUp) => callFor(subject, { ms: isWarmUp ? 1_500 : 4_000 }, createPost));
  report(`${bench}, 16 accounts at once`, results, { unit: 'calls/s', pick: (round) => round.perSecond, better: 'more', goal: '≥ 15 ×' });
  report(`${bench}, CPU of the server a call`, results, { unit: 'ms', pick: (round) => round.cpuMsPerCall, better: 'less' });
  report(`${bench}, p99 each at its own rate`, results, { unit: 'ms', pick: (round) => round.p99Ms, better: 'less' });
  if (pair.theirs === null) return;
  const perSecond = quantile(results.theirs.map((round) => round.perSecond), 1);
  const paced: Rounds<Round> = { ours: [], theirs: results.theirs };
  for (const _round of results.theirs) paced.ours.push(await callFor(pair.ours, { ms: 4_000, perSecond }, createPost));
  report(`${bench}, p50 at the reference's best rate`, paced, { unit: 'ms', pick: (round) => round.p50Ms, better: 'less' });
  report(`${bench}, p99 at the reference's best rate`, paced, { unit: 'ms', pick: (round) => round.p99Ms, better: 'less', goal: '≥ 10 ×' });
});
