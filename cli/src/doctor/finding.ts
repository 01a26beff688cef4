/**
 * What a check of the doctor finds: its state, what was seen, and what to do about it.
 * Not for the checks (`machine.ts`, `pds.ts`) nor for printing (`../doctor.ts`).
 * Source: ours.
 */

/** How it stands: `warn` works now and may not for long, `fail` does not work. */
export type State = 'ok' | 'warn' | 'fail';

/** One line of the doctor. */
export interface Finding {
  readonly check: string;
  readonly state: State;
  readonly found: string;
  /** What to do; null when nothing is to be done. */
  readonly advice: string | null;
}

/** All is well. */
export function ok(check: string, found: string): Finding {
  return { check, state: 'ok', found, advice: null };
}

/** It works now and may not for long. */
export function warn(check: string, found: string, advice: string): Finding {
  return { check, state: 'warn', found, advice };
}

/** It does not work. */
export function fail(check: string, found: string, advice: string): Finding {
  return { check, state: 'fail', found, advice };
}

/** Gives what a fault says, with the reason at the bottom of it: fetch hides refused connections and bad certificates there. */
export function reasonOf(fault: unknown): string {
  if (!(fault instanceof Error)) return String(fault);
  let bottom: { message?: unknown; cause?: unknown } = fault;
  while (typeof bottom.cause === 'object' && bottom.cause !== null) bottom = bottom.cause;
  return bottom !== fault && typeof bottom.message === 'string' && bottom.message !== '' ? `${fault.message}: ${bottom.message}` : fault.message;
}
