/**
 * Rounds of calls against both PDSs in turns, and the lines that tell of them: the median of three rounds, its ratio taken
 * round by round, the goal, and the load of the machine, since ratios of a busy machine are worth less.
 * Not a bench itself. Place: between pair.ts and the pds-* benches. Source: ours.
 */
import { loadavg } from 'node:os';
import { accountCount, cpuSeconds, type Pair, type Subject } from './pair.ts';

const rounds = 3;

/** What one round of calls came to. */
export interface Round {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  cpuMsPerCall: number;
}

/** Gives the value below which this part of the values lies. */
export function quantile(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? Number.NaN;
}

/** Makes calls for so long, 16 at once, or so many a second when paced. */
export async function callFor(subject: Subject, o: { ms: number; perSecond?: number }, one: (subject: Subject, worker: number) => Promise<unknown>): Promise<Round> {
  const times: number[] = [];
  const cpuBefore = cpuSeconds(subject.pid);
  const start = performance.now();
  const gapMs = o.perSecond === undefined ? 0 : (accountCount * 1_000) / o.perSecond;
  const worker = async (index: number): Promise<void> => {
    for (let dueMs = start + (gapMs * index) / accountCount; dueMs < start + o.ms; dueMs = Math.max(dueMs + gapMs, performance.now())) {
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      const before = performance.now();
      await one(subject, index);
      times.push(performance.now() - before);
    }
  };
  await Promise.all(Array.from({ length: accountCount }, (_none, index) => worker(index)));
  const seconds = (performance.now() - start) / 1_000;
  return {
    perSecond: times.length / seconds,
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
    cpuMsPerCall: ((cpuSeconds(subject.pid) - cpuBefore) * 1_000) / times.length,
  };
}

/** Results of both, one a round, side by side. */
export interface Rounds<T> {
  ours: T[];
  /** Empty without the reference. */
  theirs: T[];
}

/** Runs the rounds in turns, after one that is not counted. */
export async function inTurns<T>({ ours, theirs }: Pair, run: (subject: Subject, isWarmUp: boolean) => Promise<T>): Promise<Rounds<T>> {
  const results: Rounds<T> = { ours: [], theirs: [] };
  await run(ours, true);
  if (theirs !== null) await run(theirs, true);
  for (let round = 0; round < rounds; round++) {
    results.ours.push(await run(ours, false));
    if (theirs !== null) results.theirs.push(await run(theirs, false));
  }
  return results;
}

/** Prints one figure: medians, with the ratio of how much better ours is, above 1 when it is. */
export function report<T>(bench: string, results: Rounds<T>, o: { unit: string; pick: (result: T) => number; better: 'more' | 'less'; goal?: string }): void {
  const ratios = results.theirs.map((theirs, round) => (o.better === 'more' ? o.pick(results.ours[round]) / o.pick(theirs) : o.pick(theirs) / o.pick(results.ours[round])));
  print(bench, { figure: quantile(results.ours.map(o.pick), 0.5), unit: o.unit, ratio: ratios.length === 0 ? null : quantile(ratios, 0.5), theirs: quantile(results.theirs.map(o.pick), 0.5), goal: o.goal });
}

/** Prints one line. `ratio` is null without the reference; `against` says what else it is taken to, if anything. */
export function print(bench: string, o: { figure: number; unit: string; ratio: number | null; against?: string; theirs?: number; goal?: string }): void {
  const rounded = (value: number): number => Number(value.toPrecision(4));
  const against = o.ratio === null ? 'nothing: the reference PDS is not installed in tests/peers' : (o.against ?? '@atproto/pds');
  const line = { bench, figure: rounded(o.figure), unit: o.unit, ratio: o.ratio === null ? null : rounded(o.ratio), against, ...(o.theirs !== undefined && !Number.isNaN(o.theirs) && { theirs: rounded(o.theirs) }), ...(o.goal !== undefined && { goal: o.goal }), load: rounded(loadavg()[0]) };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
