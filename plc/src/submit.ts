/**
 * Takes a submitted operation into the log: judged, counted and stored in one transaction.
 * Not for reading requests (api/submit) nor for the law itself (protocol/identity/plc-log).
 * Afterwards the operation is durable, or nothing has changed.
 * Source: did:plc v0.3; limits per DID as the public directory has them, with our own figures.
 */
import type { PlcRefusal } from '@dunlin/protocol/identity/plc-log';
import { judgePlcOperation } from '@dunlin/protocol/identity/plc-log';
import { plcOperationCid } from '@dunlin/protocol/identity/plc-operation';
import type { SignedPlcOperation } from '@dunlin/protocol/identity/plc-operation';
import type { OperationLog } from './log.ts';

/**
 * Most standing operations of one DID in a sliding window. Recoveries are never refused, and what one has struck out does not count:
 * somebody who takes a DID back may go on at once. All operations together have a bound of their own (`maxStruckOut`).
 */
export interface DidLimits {
  readonly perHour: number;
  readonly perDay: number;
  readonly perWeek: number;
}

/** What became of an operation. */
export type Submission =
  | { readonly outcome: 'stored'; readonly kind: 'genesis' | 'update' | 'tombstone' | 'recovery'; readonly seq: number }
  /** It is the newest operation already: an answer got lost and the submitter asked again. */
  | { readonly outcome: 'repeated' }
  | { readonly outcome: 'refused'; readonly reason: PlcRefusal; readonly detail: string }
  | { readonly outcome: 'limited'; readonly limit: number; readonly windowMs: number };

const hourMs = 3_600_000;

/** So many times the operations of a week may be stored in one, recoveries and what they struck out included; else keys that strike one another out store without end. */
const maxStruckOut = 5;

/** Judges an operation and appends it. Its time is now, or 1 ms after the newest entry when the clock stands or went back. */
export function submitOperation(
  o: { log: OperationLog; limits: DidLimits; nowMs: number },
  did: string,
  operation: SignedPlcOperation,
): Submission {
  const { log } = o;
  return log.inTransaction((): Submission => {
    const last = log.last();
    const createdAtMs = Math.max(o.nowMs, (last?.createdAtMs ?? 0) + 1);
    const cid = plcOperationCid(operation).toString();
    const place = log.place(did, operation.prev, createdAtMs);
    if (place.newest?.cid === cid) return { outcome: 'repeated' };
    const verdict = judgePlcOperation(place, operation);
    if (!verdict.accepted) return { outcome: 'refused', reason: verdict.reason, detail: verdict.detail };
    const exceeded = verdict.isRecovery ? null : findExceededLimit(log, o.limits, did, createdAtMs);
    if (exceeded) return { outcome: 'limited', ...exceeded };
    const seq = log.append({ did, cid, operation, createdAtMs }, place.prev);
    return { outcome: 'stored', kind: kindOf(operation, verdict.isRecovery), seq };
  });
}

function kindOf(operation: SignedPlcOperation, isRecovery: boolean): 'genesis' | 'update' | 'tombstone' | 'recovery' {
  if (isRecovery) return 'recovery';
  if (operation.prev === null) return 'genesis';
  return operation.type === 'plc_tombstone' ? 'tombstone' : 'update';
}

function findExceededLimit(log: OperationLog, limits: DidLimits, did: string, nowMs: number): { limit: number; windowMs: number } | null {
  const [dayMs, weekMs] = [24 * hourMs, 168 * hourMs];
  const windows = [
    [limits.perHour, hourMs, false], [limits.perDay, dayMs, false], [limits.perWeek, weekMs, false], [maxStruckOut * limits.perWeek, weekMs, true],
  ] as const;
  for (const [limit, windowMs, withNullified] of windows) {
    if (log.countSince(did, nowMs - windowMs, withNullified) >= limit) return { limit, windowMs };
  }
  return null;
}
