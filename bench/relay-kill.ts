/**
 * kill -9 of a relay at a random moment under load, fifty times (or the first argument), started again on the same folder each
 * time: that no event is lost, no seq given twice, every account's chain unbroken. Twenty-five with the consumers in the
 * relay's own process, twenty-five with processes for them. The run ends with a fault at the first that is not so.
 * Prints a JSON line; the ratio is that of kills survived.
 */
import { killRelay } from '../tests/harness/relay-kill.ts';

const rounds = Number(process.argv[2] ?? 50);
const half = Math.ceil(rounds / 2);
const startMs = performance.now();
const told = [await killRelay({ rounds: half, random: Math.random }), await killRelay({ rounds: rounds - half, random: Math.random, fanoutProcesses: 2 })];
process.stdout.write(`${JSON.stringify({
  bench: 'relay-kill', figure: rounds, unit: 'kills without an event lost, repeated or out of order', ratio: 1, against: `${rounds} kills`, goal: 50, detail: { told, seconds: Math.round((performance.now() - startMs) / 1_000) },
})}\n`);
