/**
 * Keeps the log within its window: removes whole segments from the old end, by age and by bytes.
 * Not for takedowns (scrub.ts); a segment is never removed in part.
 * Place in the flow: called now and then by the wiring. Source: ours, `RELAY_REPLAY_WINDOW` as in the indigo relay.
 */
import type { RelayLog } from './relay-log.ts';

/** What is kept. */
export interface Window {
  /** Events younger than this are kept. */
  readonly windowMs: number;
  /** At most so many bytes on disk are kept (and always the newest segment). */
  readonly maxBytes: number;
}

/** Removes what is outside of the window and gives how many segments that were. */
export async function trimLog(log: RelayLog, window: Window, nowMs: number): Promise<number> {
  let removed = 0;
  while (isOutside(log, window, nowMs) && (await log.removeOldest())) removed += 1;
  return removed;
}

function isOutside(log: RelayLog, window: Window, nowMs: number): boolean {
  // All of the first segment is older than the making of the second.
  const second = log.segments[1];
  if (second === undefined) return false;
  return second.header.createdMs <= nowMs - window.windowMs || log.totalBytes > window.maxBytes;
}
