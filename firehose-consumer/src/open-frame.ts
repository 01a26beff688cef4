/**
 * An event on its way from the pipeline to its end, and what has to be undone when it ends.
 * Not for: what is in it (see decode.ts).
 * Place in the flow: made by the pipeline, or by a resync; passed to continuity and deliveries; finished exactly once.
 * Source: ours.
 */
import type { CursorTracker, OpenEvent } from './cursor.ts';
import type { HeldDifferences, HeldFrame } from './decode.ts';

/** A frame on its way. */
export interface OpenFrame {
  readonly frame: HeldFrame | HeldDifferences;
  readonly open: OpenEvent;
  /** Null for what does not come from the stream. */
  readonly tracker: CursorTracker | null;
  /** Its place in the chain of its account, where that is kept account of: it ends by way of it. */
  entry: { finish(): void } | null;
}
