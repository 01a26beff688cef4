/**
 * `./dunlin soak`: long runs that look for what a test of seconds cannot find. Prints the seed first; a failure names the seed
 * and the step, and the same seed makes the same choices again.
 * A soak is a file beside this one. Not part of `./dunlin test`. Source: ours, see CONTRIBUTING.md.
 */
import { inspect } from 'node:util';
import { writeLine } from '@dunlin/service/log/terminal';
import { Seeded } from './seeded.ts';
import type { Soak } from './soak.ts';

const soaks: Record<string, () => Promise<{ soak: Soak }>> = {
  'relay-kill': () => import('./relay-kill.ts'),
  'pds-kill': () => import('./pds-kill.ts'),
  'fuzz-frames': () => import('./fuzz-frames.ts'),
  'hostile-consumers': () => import('./hostile-consumers.ts'),
  'fuzz-http': () => import('./fuzz-http.ts'),
};

export interface SoakOptions {
  /** How long each fuzzer goes on (2). */
  minutes?: number | undefined;
  /** How often each kill soak kills (50). */
  rounds?: number | undefined;
  /** Whole number; without one the clock gives it. */
  seed?: number | undefined;
}

/** Runs the named soaks, or all, one after the other; true when nothing went wrong. */
export async function runSoaks(names: readonly string[], options: SoakOptions): Promise<boolean> {
  const known = Object.keys(soaks);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`no such soak: ${unknown.join(', ')} (there are ${known.join(', ')})`);
  const seed = options.seed ?? Date.now() % 4_294_967_296;
  let areAllWell = true;
  for (const name of names.length > 0 ? names : known) areAllWell = (await runSoak(name, seed, options)) && areAllWell;
  return areAllWell;
}

async function runSoak(name: string, seed: number, { minutes = 2, rounds = 50 }: SoakOptions): Promise<boolean> {
  writeLine(`${name}: seed=${seed}`);
  const began = performance.now();
  let step = 'start';
  try {
    const { soak } = await soaks[name]!();
    const done = await soak({ random: new Seeded(seed), minutes, rounds, step: (what) => void (step = what), say: (line) => writeLine(`${name}: ${line}`) });
    writeLine(`PASS ${name}: ${done}; seed=${seed} seconds=${Math.round((performance.now() - began) / 1000)}`);
    return true;
  } catch (error) {
    writeLine(`FAIL ${name}: seed=${seed} step=${step}\n${inspect(error)}`);
    return false;
  }
}
