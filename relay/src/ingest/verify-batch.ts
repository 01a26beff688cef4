/**
 * Bytes between the main thread and a verify worker: many jobs in one transferred buffer, their verdicts in another.
 * Not for deciding anything. Place in the flow: hop 6.
 * Source: ours, docs/decisions/0007-transferred-batches-to-verify-workers.md.
 */
import type { DropReason } from '@dunlin/protocol/repo/drop-reason';
import type { AccountKey } from '../accounts/account-row.ts';
import { noneGone } from '../collections/gone.ts';
import type { Gone } from '../collections/gone.ts';

/** Kinds of events that carry a signature. */
export type SignedKind = 'commit' | 'sync';

/** One event to verify. */
export interface VerifyJob {
  readonly kind: SignedKind;
  /** The frame as it came. */
  readonly bytes: Uint8Array;
  readonly key: AccountKey;
}

/** What a worker found. */
export type VerifyVerdict =
  /** SHA-256 digests of the tree's root and of the commit; collections that it emptied (see collections/gone.ts). */
  | { readonly accepted: true; readonly data: Uint8Array; readonly head: Uint8Array; readonly gone: Gone }
  | { readonly accepted: false; readonly reason: DropReason; readonly detail: string };

/** Message to a worker. The buffer is transferred: verdict slots first, then the jobs. */
export interface JobBatch {
  readonly buffer: ArrayBuffer;
  readonly count: number;
  readonly nowMs: number;
}

/** The last message to a worker: it ends by itself. */
export const stopMessage = 'stop';

/** Message from a worker: the same buffer, transferred back with the slots filled, so that it can be used again. */
export interface VerdictBatch {
  readonly buffer: ArrayBuffer;
  readonly count: number;
  /** Those that are not accepted: place in the batch, reason, detail. */
  readonly rejected: readonly (readonly [index: number, reason: DropReason, detail: string])[];
  /** Of the few that emptied a collection, or do not tell: place in the batch and which. */
  readonly gone: readonly (readonly [index: number, gone: Gone])[];
}

const digestBytes = 32;
/** Digests of data and head. */
const slotBytes = 2 * digestBytes;
const keyBytes = 33;
/** kind, curve, two bytes unused, length of the frame, key. */
const headBytes = 8 + keyBytes;

/** Gives how many bytes of a buffer these jobs take. */
export function batchBytes(jobs: readonly VerifyJob[]): number {
  return jobs.reduce((sum, job) => sum + slotBytes + headBytes + job.bytes.length, 0);
}

/** Puts jobs into a buffer that is large enough. */
export function encodeJobs(buffer: ArrayBuffer, jobs: readonly VerifyJob[], nowMs: number): JobBatch {
  const target = Buffer.from(buffer);
  let at = jobs.length * slotBytes;
  for (const { kind, bytes, key } of jobs) {
    target[at] = kind === 'commit' ? 0 : 1;
    target[at + 1] = key.curve === 'k256' ? 0 : 1;
    target.writeUInt32LE(bytes.length, at + 4);
    target.set(key.bytes, at + 8);
    target.set(bytes, at + headBytes);
    at += headBytes + bytes.length;
  }
  return { buffer, count: jobs.length, nowMs };
}

/** Gives the jobs of a batch; frames and keys share its memory. */
export function decodeJobs(batch: JobBatch): VerifyJob[] {
  const source = Buffer.from(batch.buffer);
  const jobs: VerifyJob[] = [];
  for (let i = 0, at = batch.count * slotBytes; i < batch.count; i++) {
    const end = at + headBytes + source.readUInt32LE(at + 4);
    jobs.push({
      kind: source[at] === 0 ? 'commit' : 'sync',
      key: { curve: source[at + 1] === 0 ? 'k256' : 'p256', bytes: source.subarray(at + 8, at + 8 + keyBytes) },
      bytes: source.subarray(at + headBytes, end),
    });
    at = end;
  }
  return jobs;
}

/** Puts verdicts into the slots of the batch they are about. */
export function encodeVerdicts(batch: JobBatch, verdicts: readonly VerifyVerdict[]): VerdictBatch {
  const target = new Uint8Array(batch.buffer);
  const rejected: [number, DropReason, string][] = [];
  const gone: [number, Gone][] = [];
  for (const [i, verdict] of verdicts.entries()) {
    if (verdict.accepted) {
      target.set(verdict.data, i * slotBytes);
      target.set(verdict.head, i * slotBytes + digestBytes);
      if (verdict.gone === null || verdict.gone.length > 0) gone.push([i, verdict.gone]);
    } else rejected.push([i, verdict.reason, verdict.detail]);
  }
  return { buffer: batch.buffer, count: batch.count, rejected, gone };
}

/** Gives the verdicts of a message, in the order of the jobs; copies, so the buffer is free afterwards. */
export function decodeVerdicts(batch: VerdictBatch): VerifyVerdict[] {
  const slots = new Uint8Array(batch.buffer).slice(0, batch.count * slotBytes);
  const verdicts: VerifyVerdict[] = [];
  for (let at = 0; at < slots.length; at += slotBytes) {
    verdicts.push({ accepted: true, data: slots.subarray(at, at + digestBytes), head: slots.subarray(at + digestBytes, at + slotBytes), gone: noneGone });
  }
  for (const [i, gone] of batch.gone) {
    const verdict = verdicts[i];
    if (verdict?.accepted) verdicts[i] = { ...verdict, gone };
  }
  for (const [i, reason, detail] of batch.rejected) verdicts[i] = { accepted: false, reason, detail };
  return verdicts;
}
