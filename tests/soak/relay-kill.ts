/**
 * kill -9 of a relay under load, many times.
 * Source: ours; the test of the same name in tests/faults does a few rounds of it.
 */
import { killRelay } from '../harness/relay-kill.ts';
import type { Soak } from './soak.ts';

/** The soak. */
export const soak: Soak = async ({ random, rounds, step, say }) => await killRelay({
  rounds,
  random: random.next,
  onRound: (round, events) => {
    step(`round ${round}`);
    if (round % 10 === 0) say(`${round} of ${rounds} rounds, ${events} events seen`);
  },
});
