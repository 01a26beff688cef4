/**
 * Takes what a filter wants out of a page, as much as fits a run: the step of a consumer that is behind.
 * Never splits the events of one seq. Not for consumers at the head: they get what a flush found (feed.ts).
 * Place in the flow: inside a feed. Source: ours.
 */
import type { Encoding, Unit } from './encoding.ts';
import { wants, type Filter } from './filter.ts';
import type { Page } from './page.ts';

/** Bounds of one run. */
export interface RunBounds {
  /** Seq to stop at. */
  readonly lastSeq: number;
  /** Bytes after which no further seq is taken. */
  readonly bytes: number;
  /** Units after which no further seq is taken. */
  readonly units: number;
}

/** What was found, and how far the consumer is with it. */
export interface Run<U> {
  readonly units: readonly U[];
  readonly lastSeq: number;
}

/** Tells whether a unit is small enough for a filter. */
export function fits<U extends Unit>(filter: Filter, unit: U, encoding: Encoding<U>): boolean {
  return filter.maxMessageBytes === 0 || encoding.size(unit) <= filter.maxMessageBytes;
}

/** Gives the next run after `seq` out of a page that holds the event behind it. */
export function takeRun<U extends Unit>(page: Page, seq: number, filter: Filter, encoding: Encoding<U>, bounds: RunBounds): Run<U> {
  const units: U[] = [];
  let bytes = 0;
  const { entries } = page;
  for (let index = page.indexAfter(seq); index < entries.length; index++) {
    const entry = entries[index]!;
    if (entry.seq > bounds.lastSeq) return { units, lastSeq: bounds.lastSeq };
    for (const unit of encoding.units(entry)) {
      if (!wants(filter, unit) || !fits(filter, unit, encoding)) continue;
      units.push(unit);
      bytes += encoding.size(unit);
    }
    if (bytes >= bounds.bytes || units.length >= bounds.units) return { units, lastSeq: entry.seq };
  }
  return { units, lastSeq: Math.min(page.lastSeq, bounds.lastSeq) };
}
