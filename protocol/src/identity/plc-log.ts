/**
 * The law of a did:plc log: which operation may follow which, and which ones a recovery strikes out.
 * Not for storing a log (see plc/) nor for bounds on sizes, which belong to the directory that accepts it.
 * A key may strike out what a weaker key signed, up to 72 h afterwards, by signing a new successor of the same `prev`.
 * Source: did:plc v0.3, "Key Rotation & Account Recovery", "Audit Logs".
 */
import { ProtocolError } from '../base/errors.ts';
import { didForGenesis, findPlcSigner, parsePlcOperation, plcOperationCid, plcStateOf } from './plc-operation.ts';
import type { PlcData, SignedPlcOperation } from './plc-operation.ts';

/** How long after an operation a stronger key may strike it out, in ms; exactly that much is still in time. */
export const plcRecoveryWindowMs = 72 * 3_600_000;

/** One operation as a directory holds it. */
export interface PlcLogEntry {
  readonly did: string;
  readonly cid: string;
  readonly operation: SignedPlcOperation;
  /** Struck out by a recovery. */
  readonly nullified: boolean;
  /** When the directory accepted it. */
  readonly createdAtMs: number;
}

/** Why an operation may not stand where it wants to. */
export type PlcRefusal = 'GenesisMismatch' | 'Misordered' | 'BadSignature' | 'LateRecovery';

/** Whether an operation may be added, and whether it strikes out the present successors of its `prev`. */
export type PlcVerdict =
  | { readonly accepted: true; readonly isRecovery: boolean }
  | { readonly accepted: false; readonly reason: PlcRefusal; readonly detail: string };

/** The place where an operation wants to stand. */
export interface PlcPlace {
  readonly did: string;
  /** When the newest standing operation of the DID was accepted, null when the DID has none. */
  readonly newestAtMs: number | null;
  /** The standing (not nullified) entry that the operation names in `prev`, null when there is none. */
  readonly prev: PlcLogEntry | null;
  /** The standing entry that follows `prev` now, null when `prev` is the newest. */
  readonly disputed: PlcLogEntry | null;
  /** When the operation is being accepted. */
  readonly createdAtMs: number;
}

function refuse(reason: PlcRefusal, detail: string): PlcVerdict {
  return { accepted: false, reason, detail };
}

/**
 * Judges whether an operation may be added at a place.
 * Always checks: genesis hash, `prev`, signature by a rotation key with the right, recovery window, time going forward.
 * Does not check: sizes and counts, kinds of keys in the new state, rate of operations.
 */
export function judgePlcOperation(place: PlcPlace, operation: SignedPlcOperation): PlcVerdict {
  const { prev, disputed, newestAtMs } = place;
  if (newestAtMs === null) return judgeGenesis(place.did, operation);
  const rotationKeys = prev ? plcStateOf(prev.operation)?.rotationKeys : undefined;
  if (!prev || !rotationKeys || operation.prev !== prev.cid) {
    return refuse('Misordered', `prev is not a standing operation: prev=${operation.prev}`);
  }
  if (place.createdAtMs <= newestAtMs) return refuse('Misordered', 'time does not go forward');
  if (!disputed) {
    if (findPlcSigner(operation, rotationKeys) === null) return refuse('BadSignature', 'not signed by a rotation key of prev');
    return { accepted: true, isRecovery: false };
  }
  const disputedSigner = findPlcSigner(disputed.operation, rotationKeys);
  const strongerKeys = disputedSigner === null ? [] : rotationKeys.slice(0, rotationKeys.indexOf(disputedSigner));
  if (findPlcSigner(operation, strongerKeys) === null) {
    return refuse('BadSignature', `not signed by a key stronger than that of the present successor: strongerKeys=${strongerKeys.length}`);
  }
  const ageMs = place.createdAtMs - disputed.createdAtMs;
  if (ageMs > plcRecoveryWindowMs) return refuse('LateRecovery', `recovery window is over: ageMs=${ageMs} windowMs=${plcRecoveryWindowMs}`);
  return { accepted: true, isRecovery: true };
}

function judgeGenesis(did: string, operation: SignedPlcOperation): PlcVerdict {
  const state = plcStateOf(operation);
  if (operation.prev !== null || !state) return refuse('Misordered', 'the first operation must be a creation with prev null');
  const expected = didForGenesis(operation);
  if (expected !== did) return refuse('GenesisMismatch', `hash of the genesis operation makes another did: expected=${expected}`);
  if (findPlcSigner(operation, state.rotationKeys) === null) return refuse('BadSignature', 'not signed by one of its own rotation keys');
  return { accepted: true, isRecovery: false };
}

/**
 * Reads one entry of an audit log or an export.
 * Always checks: shape, and that the CID is that of the operation.
 * @throws ProtocolError InvalidPlcOperation
 */
export function parsePlcLogEntry(json: unknown): PlcLogEntry {
  const { did, cid, operation, nullified, createdAt } = typeof json === 'object' && json !== null ? json as Record<string, unknown> : {};
  const createdAtMs = typeof createdAt === 'string' ? Date.parse(createdAt) : Number.NaN;
  if (typeof did !== 'string' || typeof cid !== 'string' || typeof nullified !== 'boolean' || !Number.isInteger(createdAtMs)) {
    throw new ProtocolError('InvalidPlcOperation', 'log entry has wrong fields');
  }
  const parsed = parsePlcOperation(operation);
  if (plcOperationCid(parsed).toString() !== cid) throw new ProtocolError('InvalidPlcOperation', `cid is not that of the operation: cid=${cid}`);
  return { did, cid, operation: parsed, nullified, createdAtMs };
}

/**
 * Checks a whole audit log from its genesis: every operation in its place, every `nullified` mark deserved.
 * Gives the DID's present data, null when it ends in a tombstone.
 * @throws ProtocolError InvalidPlcOperation when the directory should not have accepted it
 */
export function verifyPlcLog(did: string, log: readonly PlcLogEntry[]): PlcData | null {
  const standing: PlcLogEntry[] = [];
  for (const entry of log) {
    if (entry.did !== did) throw new ProtocolError('InvalidPlcOperation', `log holds another did: got=${entry.did}`);
    const index = standing.findIndex((candidate) => candidate.cid === entry.operation.prev);
    const verdict = judgePlcOperation({ did, newestAtMs: standing.at(-1)?.createdAtMs ?? null, prev: standing[index] ?? null,
      disputed: index < 0 ? null : standing[index + 1] ?? null, createdAtMs: entry.createdAtMs }, entry.operation);
    if (!verdict.accepted) throw new ProtocolError('InvalidPlcOperation', `${verdict.reason}: ${verdict.detail} cid=${entry.cid}`);
    standing.length = index + 1;
    standing.push(entry);
  }
  if (standing.length === 0) throw new ProtocolError('InvalidPlcOperation', `log is empty: did=${did}`);
  const standingCids = new Set(standing.map((entry) => entry.cid));
  const wronged = log.find((entry) => entry.nullified === standingCids.has(entry.cid));
  if (wronged) throw new ProtocolError('InvalidPlcOperation', `nullified mark is wrong: cid=${wronged.cid}`);
  const last = standing.at(-1);
  const state = last ? plcStateOf(last.operation) : null;
  return state ? { did, ...state } : null;
}
