/**
 * The verify workers as the pipeline sees them: hand in a frame and a key, be told the verdict.
 * Not for order across accounts; verdicts of one shard come in the order of their jobs.
 * Place in the flow: hop 6. Jobs of one turn of the event loop travel together, at most two batches a worker are
 * under way; what waits here is bounded by the pipeline's budget in bytes.
 * Source: ours. A worker that fails (not: a verdict of no) is our own mistake and is told to `onFault`.
 */
import { Worker } from 'node:worker_threads';
import type { Clock } from '@dunlin/protocol/base/clock';
import { decodeVerdicts, encodeJobs } from './verify-batch.ts';
import type { VerdictBatch, VerifyJob, VerifyVerdict } from './verify-batch.ts';

/** How a pool is made. */
export interface VerifyPoolOptions {
  readonly workers: number;
  /** Accepts commits without prevData of hosts older than Sync 1.1. */
  readonly isLenient: boolean;
  readonly clock: Clock;
  readonly onFault: (error: unknown) => void;
}

const maxBatchJobs = 128;
const maxBatchBytes = 1_048_576;
const maxBatchesUnderWay = 2;

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

  /** Stops the workers; verdicts still under way are not told any more. */
  async close(): Promise<void> {
    for (const worker of this.#workers) await worker.close();
  }
}

class VerifyThread {
  readonly ready: Promise<void>;
  readonly #worker: Worker;
  readonly #clock: Clock;
  #waiting: Waiting[] = [];
  readonly #underWay: (readonly Waiting[])[] = [];
  #isScheduled = false;
  #isClosed = false;

  constructor({ isLenient, clock, onFault }: VerifyPoolOptions) {
    this.#clock = clock;
    this.#worker = new Worker(new URL('./verify-worker.ts', import.meta.url), { workerData: { isLenient } });
    this.ready = new Promise((resolve) => this.#worker.once('online', () => resolve()));
    this.#worker.on('message', (batch: VerdictBatch) => this.#received(batch));
    this.#worker.on('error', onFault);
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

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#worker.terminate();
  }

  #send(): void {
    while (!this.#isClosed && this.#waiting.length > 0 && this.#underWay.length < maxBatchesUnderWay) {
      const batch = this.#waiting.slice(0, batchLength(this.#waiting));
      this.#waiting = this.#waiting.slice(batch.length);
      this.#underWay.push(batch);
      const message = encodeJobs(batch.map((waiting) => waiting.job), this.#clock.nowMs());
      this.#worker.postMessage(message, [message.buffer]);
    }
  }

  #received(message: VerdictBatch): void {
    if (this.#isClosed) return;
    const batch = this.#underWay.shift() ?? [];
    const verdicts = decodeVerdicts(message);
    // The next batch is on its way before these verdicts are acted on.
    this.#send();
    for (const [i, { done }] of batch.entries()) {
      const verdict = verdicts[i];
      if (verdict) done(verdict);
    }
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
