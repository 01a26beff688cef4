/**
 * Every XRPC method of the PDS, the relay and the app view: each succeeds with the input made for it, and a seeded part of the near misses
 * of that input gets errors the lexicon knows. `./dunlin soak fuzz-http` tries all of them.
 */
import { expect, test } from '@jest/globals';
import { proveEveryMethod } from '../soak/methods/every-method.ts';
import { Seeded } from '../soak/seeded.ts';

const share = 0.01;

test('every method succeeds with right input, and refuses what is nearly right by a name the lexicon knows', async () => {
  const seed = Date.now() % 1_000_000;
  const reports = await proveEveryMethod({ random: new Seeded(seed), share });
  const faults = reports.flatMap(({ server, nsid, faults: each }) => each.map((fault) => `${server} ${nsid}: ${fault}`));
  expect({ seed, faults }).toEqual({ seed, faults: [] });
  expect(reports.filter(({ succeeded }) => succeeded === 0)).toEqual([]);
  expect(reports.length).toBeGreaterThan(100);
});
