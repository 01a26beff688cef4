/**
 * kill -9 of a PDS under writes, many times.
 * Source: ours; the test of the same name in tests/faults does a few rounds of it.
 */
import { killPds } from '../harness/pds-kill.ts';
import type { Soak } from './soak.ts';

/** The soak. */
export const soak: Soak = async ({ random, rounds, step, say }) => await killPds({
  rounds,
  random: random.next,
  onRound: (round, writes) => {
    step(`round ${round}`);
    if (round % 10 === 0) say(`${round} of ${rounds} rounds, ${writes} writes answered`);
  },
});
