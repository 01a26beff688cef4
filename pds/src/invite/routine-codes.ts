/**
 * How many invite codes an account earns by being here: one for every interval since it was made, or since the epoch.
 * At most five unused ones at a time; codes the operator gave do not count. A pure function of what is known.
 * Source: rule of the reference PDS (PDS_INVITE_INTERVAL, PDS_INVITE_EPOCH).
 */
import { operator, type InviteCode } from './invite-store.ts';

/** Most earned codes that lie unused. */
export const maxUnusedCodes = 5;

/** What the answer depends on; times in ms since 1970. */
export interface EarningSituation {
  readonly nowMs: number;
  readonly accountCreatedAtMs: number;
  readonly intervalMs: number;
  /** Only intervals after this moment earn. */
  readonly epochMs: number;
  /** Every code for the account. */
  readonly codes: readonly InviteCode[];
}

/** Gives how many codes may be made for the account now; never negative. */
export function countEarnedCodes({ nowMs, accountCreatedAtMs, intervalMs, epochMs, codes }: EarningSituation): number {
  const routine = codes.filter(({ createdBy }) => createdBy !== operator);
  const unused = routine.filter((code) => !code.isDisabled && code.available > code.used);
  const made = routine.filter(({ createdAtMs }) => createdAtMs > epochMs);
  const intervalsUntil = (ms: number): number => Math.floor(Math.max(0, ms - accountCreatedAtMs) / intervalMs);
  const earned = intervalsUntil(nowMs) - intervalsUntil(epochMs);
  return Math.max(0, Math.min(maxUnusedCodes - unused.length, earned - made.length));
}
