/**
 * Where the time of an event goes while a relay is measured: quantiles of its own histograms between two readings of /metrics,
 * and what the disk takes for a write and an fdatasync at the same time, without any relay.
 * Not a bench itself. Source: ours; quantiles are interpolated within a bucket, as Prometheus does.
 */
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Counts of a histogram's buckets by their upper bound, in seconds; cumulative. */
type Buckets = ReadonlyMap<number, number>;

/** One reading. */
export interface Reading {
  readonly histograms: ReadonlyMap<string, Buckets>;
  readonly gauge: (name: string) => number;
}

/** Reads a relay's figures. */
export async function readFigures(metricsUrl: string): Promise<Reading> {
  const text = await (await fetch(`${metricsUrl}/metrics`)).text();
  const histograms = new Map<string, Map<number, number>>();
  for (const [, name = '', bound, count] of text.matchAll(/^(\w+)_bucket{le="([^"]+)"} (\d+)$/gm)) {
    const buckets = histograms.get(name) ?? new Map<number, number>();
    histograms.set(name, buckets.set(bound === '+Inf' ? Infinity : Number(bound), Number(count)));
  }
  return { histograms, gauge: (name) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN) };
}

/** Gives a quantile of what came between two readings, in ms. */
export function quantileMs(name: string, before: Reading, after: Reading, quantile: number): number {
  const [from, to] = [before.histograms.get(name), after.histograms.get(name)];
  const counts = [...(to ?? [])].map(([bound, count]) => [bound, count - (from?.get(bound) ?? 0)] as const);
  const wanted = (counts.at(-1)?.[1] ?? 0) * quantile;
  let [lowBound, lowCount] = [0, 0];
  for (const [bound, count] of counts) {
    if (count >= wanted) return (bound === Infinity ? lowBound : lowBound + ((bound - lowBound) * (wanted - lowCount)) / Math.max(1, count - lowCount)) * 1_000;
    [lowBound, lowCount] = [bound, count];
  }
  return Number.NaN;
}

/** Writes and syncs a file of its own now and then until told to stop; gives the sorted times in ms. */
export async function probeDisk(folder: string, o: { bytes: number; everyMs: number; signal: AbortSignal }): Promise<number[]> {
  const path = join(folder, 'disk-probe');
  const file = await open(path, 'w');
  const piece = Buffer.alloc(o.bytes, 7);
  const times: number[] = [];
  try {
    for (let position = 0; !o.signal.aborted; position += piece.length) {
      const startMs = performance.now();
      await file.write(piece, 0, piece.length, position);
      await file.datasync();
      times.push(performance.now() - startMs);
      await new Promise((resolve) => setTimeout(resolve, o.everyMs));
    }
  } finally {
    await file.close();
    await rm(path);
  }
  return times.sort((a, b) => a - b);
}
