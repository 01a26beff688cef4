/**
 * Removes events that are older than the replay window, a few at a time, so that the database does not grow for ever.
 * The newest event always stays; whoever asks with an older cursor gets `#info OutdatedCursor` and the oldest that is left.
 * Source: ours (the reference keeps every event); the window is PDS_REPO_BACKFILL_LIMIT_MS.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import type { GroupCommit } from './group-commit.ts';
import type { Sequencer } from './sequencer.ts';

/** How often old events are looked for, in ms. */
export const retentionEveryMs = 60_000;

/** Most events removed in one transaction. */
export const retentionBatch = 1_000;

/** Keeps the event table within its window. */
export class Retention {
  readonly #sequencer: Sequencer;
  readonly #groups: GroupCommit;
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #delete: Statement<[number, number], unknown>;
  #isRunning = false;

  constructor(o: { database: Database; sequencer: Sequencer; groups: GroupCommit; clock: Clock; windowMs: number }) {
    this.#sequencer = o.sequencer;
    this.#groups = o.groups;
    this.#clock = o.clock;
    this.#windowMs = o.windowMs;
    this.#delete = o.database.prepare('DELETE FROM event WHERE seq IN (SELECT seq FROM event WHERE seq <= ? ORDER BY seq LIMIT ?)');
  }

  /** Looks for old events now and then; gives a function that ends it. */
  start(onFault: (fault: unknown) => void): () => void {
    const timer = this.#clock.every(retentionEveryMs, () => void this.prune().catch(onFault), { unref: true });
    return () => timer.cancel();
  }

  /** Removes every event older than the window and resolves with how many. A second call while one runs does nothing. */
  async prune(): Promise<number> {
    if (this.#isRunning) return 0;
    this.#isRunning = true;
    try {
      const last = Math.min(this.#sequencer.seqAtTime(this.#clock.nowMs() - this.#windowMs), this.#sequencer.headSeq() - 1);
      let removed = 0;
      for (let batch = retentionBatch; batch === retentionBatch; removed += batch) {
        batch = await this.#groups.write(() => this.#delete.run(last, retentionBatch).changes);
      }
      if (removed > 0) this.#sequencer.refreshOldest();
      return removed;
    } finally {
      this.#isRunning = false;
    }
  }
}
