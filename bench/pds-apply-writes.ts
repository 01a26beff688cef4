/**
 * How many applyWrites of 10 posts a second, 16 accounts at once: our PDS against the reference PDS, in turns.
 * Prints JSON lines; see pds/rounds.ts for how they come about.
 */
import { applyPosts, withPair } from './pds/pair.ts';
import { callFor, inTurns, report } from './pds/rounds.ts';

await withPair(async (pair) => {
  const results = await inTurns(pair, (subject, isWarmUp) => callFor(subject, { ms: isWarmUp ? 1_500 : 4_000 }, (who, worker) => applyPosts(who, worker, 10)));
  report('pds-apply-writes, 10 posts a call, 16 accounts at once', results, { unit: 'calls/s', pick: (round) => round.perSecond, better: 'more', goal: '≥ 15 ×' });
  report('pds-apply-writes, p99 each at its own rate', results, { unit: 'ms', pick: (round) => round.p99Ms, better: 'less' });
  report('pds-apply-writes, CPU of the server a call', results, { unit: 'ms', pick: (round) => round.cpuMsPerCall, better: 'less' });
});
