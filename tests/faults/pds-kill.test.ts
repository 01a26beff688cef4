/** A few rounds of kill -9 against a PDS under writes; `./dunlin soak pds-kill` does many. What is checked: harness/pds-kill. */
import { test } from '@jest/globals';
import { killPds } from '../harness/pds-kill.ts';

test('every answered write outlives kill -9 and is sequenced once', async () => {
  await killPds({ rounds: 3, random: Math.random });
});
