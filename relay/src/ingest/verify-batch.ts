/**
 * Bytes between the main thread and a verify worker: many jobs in one transferred buffer, their verdicts in another.
 * Not for deciding anything. Place in the flow: hop 6.
 * Why transferred batches and not a ring in shared memory: measured with 5.5 kB frames and 20 µs of work each, a batch
 * costs 3 µs of CPU a frame on top, a ring with Atomics 13 to 15 µs (copying into shared memory is slow, native code
 * may not be given shared memory, and every wake-up is paid for one by one). Source: ours.
 */
import type { DropReason } from '@dunlin/protocol/repo/drop-reason';
import type { AccountKey } from '../accounts/account-row.ts';

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
  /** SHA-256 digests of the tree's root and of the commit. */
  | { readonly accepted: true; readonly data: Uint8Array; readonly head: Uint8Array }
  | { readonly accepted: false; readonly reason: DropReason; readonly detail: string };

/** Message to a worker. */
export interface JobBatch {
  readonly buffer: ArrayBuffer;
  readonly count: number;
  readonly nowMs: number;
}

/** Message from a worker; verdicts in the order of the jobs. */
export interface VerdictBatch {
  /** One slot of 64 bytes a job: data and head of accepted ones. */
  readonly buffer: ArrayBuffer;
  readonly count: number;
  /** The others: place in the batch, reason, detail. */
  readonly rejected: readonly (readonly [index: number, reason: DropReason, detail: string])[];
}

const digestBytes = 32;
const keyBytes = 33;
/** kind, curve, two bytes unused, length of the frame, key. */
const headBytes = 8 + keyBytes;

/** Puts jobs side by side into one buffer. */
export function encodeJobs(jobs: readonly VerifyJob[], nowMs: number): JobBatch {
  const total = jobs.reduce((sum, job) => sum + headBytes + job.bytes.length, 0);
  const buffer = new ArrayBuffer(total);
  const target = Buffer.from(buffer);
  let at = 0;
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
  for (let i = 0, at = 0; i < batch.count; i++) {
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

/** Puts verdicts into one message. */
export function encodeVerdicts(verdicts: readonly VerifyVerdict[]): VerdictBatch {
  const buffer = new ArrayBuffer(verdicts.length * 2 * digestBytes);
  const target = new Uint8Array(buffer);
  const rejected: [number, DropReason, string][] = [];
  for (const [i, verdict] of verdicts.entries()) {
    if (verdict.accepted) {
      target.set(verdict.data, 2 * i * digestBytes);
      target.set(verdict.head, (2 * i + 1) * digestBytes);
    } else rejected.push([i, verdict.reason, verdict.detail]);
  }
  return { buffer, count: verdicts.length, rejected };
}

/** Gives the verdicts of a message, in the order of the jobs. */
export function decodeVerdicts(batch: VerdictBatch): VerifyVerdict[] {
  const source = new Uint8Array(batch.buffer);
  const verdicts: VerifyVerdict[] = [];
  const digest = (slot: number): Uint8Array => source.subarray(slot * digestBytes, (slot + 1) * digestBytes);
  for (let i = 0; i < batch.count; i++) verdicts.push({ accepted: true, data: digest(2 * i), head: digest(2 * i + 1) });
  for (const [i, reason, detail] of batch.rejected) verdicts[i] = { accepted: false, reason, detail };
  return verdicts;
}
