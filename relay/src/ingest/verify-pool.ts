/**
 * The verify workers as the pipeline sees them: hand in a frame and a key, be told the verdict.
 * Not for order across accounts; verdicts of one shard come in the order of their jobs.
 * Place in the flow: hop 6. Jobs of one turn of the event loop travel together, at most two batches a worker are
 * under way; what waits here is bounded by the pipeline's budget in bytes.
 * Source: ours. A worker that fails (not: a verdict of no) is our own mistake and is told to `onFault`.
 */
import { Worker } from 'node:worker_threads';
import type { Clock } from '@dunlin/protocol/base/clock';
import { batchBytes, decodeVerdicts, encodeJobs, stopMessage } from './verify-batch.ts';
import type { VerdictBatch, VerifyJob, VerifyVerdict } from './verify-batch.ts';

/** How a pool is made. */
export interface VerifyPoolOptions {
  readonly workers: number;
  /** Accepts commits without prevData of hosts older than Sync 1.1. */
  readonly isLenient: boolean;
  /** Also finds out which collections a commit emptied. */
  readonly tellsGone: boolean;
  readonly clock: Clock;
  readonly onFault: (error: unknown) => void;
}

const maxBatchJobs = 128;
const maxBatchBytes = 1_048_576;
const maxBatchesUnderWay = 2;
/** Two batches take some hundredths of a second; a worker that is not done by then is cut down. */
const maxStopMs = 5_000;
/** Buffers go to the worker and come back; those of this size are kept. */
const bufferBytes = maxBatchBytes + 65_536;

interface Waiting {
  readonly job: VerifyJob;
  readonly done: (verdict: VerifyVerdict) => void;
}

/** The workers. */
export class VerifyPool {
  readonly #workers: VerifyThread[];

  constructor(options: VerifyPoolOptions) {
    this.#workers = Array.from({ length: options.workers }, () => new VerifyThread(options));
  }

  /** Verifies one event. Jobs with the same `shard` go to the same worker. `done` is called later, never from here. */
  submit(shard: number, job: VerifyJob, done: (verdict: VerifyVerdict) => void): void {
    this.#workers[shard % this.#workers.length]?.submit({ job, done });
  }

  /** Resolves when every worker has started. */
  async ready(): Promise<void> {
    for (const worker of this.#workers) await worker.ready;
  }

  /** Gives the CPU time the workers have used, in seconds. */
  async cpuSeconds(): Promise<number> {
    const each = await Promise.all(this.#workers.map((worker) => worker.cpuSeconds()));
    return each.reduce((sum, seconds) => sum + seconds, 0);
  }

  /** Stops the workers; verdicts still under way are not told any more. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }
}

class VerifyThread {
  readonly ready: Promise<void>;
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  readonly #clock: Clock;
  #waiting: Waiting[] = [];
  readonly #underWay: (readonly Waiting[])[] = [];
  readonly #spareBuffers: ArrayBuffer[] = [];
  #isScheduled = false;
  #isClosed = false;

  constructor({ isLenient, tellsGone, clock, onFault }: VerifyPoolOptions) {
    this.#clock = clock;
    this.#worker = new Worker(new URL('./verify-worker.ts', import.meta.url), { workerData: { isLenient, tellsGone } });
    this.ready = new Promise((resolve) => this.#worker.once('online', () => resolve()));
    this.#worker.on('message', (batch: VerdictBatch) => this.#received(batch));
    this.#worker.on('error', onFault);
    this.#ended = new Promise((resolve) => this.#worker.once('exit', () => resolve()));
  }

  submit(waiting: Waiting): void {
    this.#waiting.push(waiting);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#send();
    });
  }

  async cpuSeconds(): Promise<number> {
    const { user, system } = await this.#worker.cpuUsage();
    return (user + system) / 1e6;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    // Cut down within libsecp256k1, the thread takes the process with it; so it ends by itself behind the batches it has.
    this.#worker.postMessage(stopMessage, []);
    const timer = this.#clock.after(maxStopMs, () => void this.#worker.terminate());
    await this.#ended;
    timer.cancel();
  }

  #send(): void {
    while (!this.#isClosed && this.#waiting.length > 0 && this.#underWay.length < maxBatchesUnderWay) {
      const batch = this.#waiting.slice(0, batchLength(this.#waiting));
      this.#waiting = this.#waiting.slice(batch.length);
      this.#underWay.push(batch);
      const jobs = batch.map((waiting) => waiting.job);
      const message = encodeJobs(this.#bufferFor(batchBytes(jobs)), jobs, this.#clock.nowMs());
      this.#worker.postMessage(message, [message.buffer]);
    }
  }

  #received(message: VerdictBatch): void {
    if (this.#isClosed) return;
    const batch = this.#underWay.shift() ?? [];
    const verdicts = decodeVerdicts(message);
    if (message.buffer.byteLength === bufferBytes) this.#spareBuffers.push(message.buffer);
    // The next batch is on its way before these verdicts are acted on.
    this.#send();
    for (const [i, { done }] of batch.entries()) {
      const verdict = verdicts[i];
      if (verdict) done(verdict);
    }
  }

  #bufferFor(bytes: number): ArrayBuffer {
    if (bytes > bufferBytes) return new ArrayBuffer(bytes);
    return this.#spareBuffers.pop() ?? new ArrayBuffer(bufferBytes);
  }
}

function batchLength(waiting: readonly Waiting[]): number {
  let bytes = 0;
  for (let i = 0; i < waiting.length && i < maxBatchJobs; i++) {
    bytes += waiting[i]?.job.bytes.length ?? 0;
    if (bytes > maxBatchBytes) return Math.max(1, i);
  }
  return Math.min(waiting.length, maxBatchJobs);
}
