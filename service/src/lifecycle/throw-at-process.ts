/**
 * Lets a failed assertion of ours reach the process although somebody up the stack would catch it:
 * runMain then drains and exits. Not for errors that an answer, a count or a retry can deal with.
 * Source: ours; invariant 8, "our own corruption always does".
 */

/** Throws outside of every caller, soon after this turn. */
export function throwAtProcess(error: Error): void {
  queueMicrotask(() => {
    throw error;
  });
}
