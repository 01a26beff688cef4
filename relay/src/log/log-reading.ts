/**
 * Reads of a log over its segments: by seq and by time. The one who writes the log and those who follow it in processes
 * of their own read with the same code.
 * Not for the newest events, which consumers share in memory. Place in the flow: hop 8, a consumer that is behind.
 * Source: ours.
 */
import type { RelaySlice } from './group.ts';
import type { SegmentList } from './segment-list.ts';
import { readSlice } from './slice-reader.ts';

/**
 * Gives the events after `afterSeq`, as many as fit `maxBytes` but at least one; null when there is none.
 * @throws AssertionFailure when what the disk gives is not what was written
 */
export async function readAfter(segments: SegmentList, afterSeq: number, maxBytes: number): Promise<RelaySlice | null> {
  const segment = segments.after(afterSeq);
  if (segment === null) return null;
  try {
    return await readSlice(segment, Math.max(0, afterSeq + 1 - segment.firstSeq), maxBytes);
  } catch (error) {
    // Retention may have removed it meanwhile; what is oldest now answers instead.
    if (segments.all.includes(segment)) throw error;
    return await readAfter(segments, afterSeq, maxBytes);
  } finally {
    void segments.closeIdle();
  }
}

/** Gives the seq of the last event appended before `ms`, `headSeq` when all were; times of a log never go back. */
export async function lastSeqBefore(segments: SegmentList, ms: number, headSeq: () => number): Promise<number> {
  // A segment made later than that moment has no event before it, so the one before is searched.
  const later = segments.all.findIndex((segment) => segment.header.createdMs >= ms);
  for (const segment of segments.all.slice(later === -1 ? -1 : Math.max(0, later - 1))) {
    const index = await segment.indexAtTime(ms);
    if (index < segment.count) return segment.firstSeq + index - 1;
  }
  return headSeq();
}
