/** A few rounds of kill -9 against a relay under load; `./dunlin soak relay-kill` does many. What is checked: harness/relay-kill. */
import { test } from '@jest/globals';
import { killRelay } from '../harness/relay-kill.ts';

const rounds = Number(process.env['RELAY_KILL_ROUNDS'] ?? 5);

test(`loses nothing and repeats nothing over ${rounds} kills when one host is heard through another relay and one from both`, async () => {
  await killRelay({ rounds, random: Math.random, isRelayed: true });
}, 120_000);

test(`loses nothing and repeats nothing over ${rounds} kills under load`, async () => {
  await killRelay({ rounds, random: Math.random });
}, 120_000);
