/**
 * What every soak is given and what it gives back.
 * Not for: running one (run.ts).
 * Source: ours.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
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

setFlagsFromString('--expose-gc');
// A context that was there before the flag has no such function.
const collect = runInNewContext('gc') as () => void;

/** Gives what this process holds after a collection, buffers included, in bytes. */
function heapBytes(): number {
  collect();
  // Buffers of the last collection are given back in the course of the next.
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Holds this process's memory to a bound; the largest of the first three looks is what the others are compared with. */
export class FlatMemory {
  readonly #maxGrowth: number;
  #calls = 0;
  #base = 0;
  #highest = 0;

  constructor(maxGrowthBytes: number) {
    this.#maxGrowth = maxGrowthBytes;
  }

  /** Looks once. @throws when memory grew beyond the bound since the third look */
  look(): void {
    const bytes = heapBytes();
    if (++this.#calls <= 3) this.#base = Math.max(this.#base, bytes);
    this.#highest = Math.max(this.#highest, bytes);
    if (bytes - this.#base > this.#maxGrowth) throw new Error(`memory grew: bytes=${bytes} first=${this.#base} max growth=${this.#maxGrowth}`);
  }

  /** What was seen, in MB. */
  get text(): string {
    return `memory ${megabytes(this.#base)} MB after warming up, ${megabytes(this.#highest)} MB at most`;
  }
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1_000_000);
}
