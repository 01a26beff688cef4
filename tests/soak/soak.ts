/**
 * What every soak is given and what it gives back.
 * Not for: running one (run.ts), watching memory (memory.ts).
 * Source: ours.
 */
import type { Seeded } from './seeded.ts';

/** What a soak works with. */
export interface SoakRun {
  readonly random: Seeded;
  /** How long it may go on, for soaks that go by time. */
  readonly minutes: number;
  /** How often it kills, for soaks that go by rounds. */
  readonly rounds: number;
  /** Tells what is being done, so that a failure can name it. */
  step(what: string): void;
  /** Prints a line of progress. */
  say(line: string): void;
}

/** Runs to its end and gives a sentence of what was done. @throws at the first thing that is wrong */
export type Soak = (run: SoakRun) => Promise<string>;
