/**
 * Removes events that are older than the replay window, so that they do not fill the disk: those in files by the file, when its newest
 * is that old, those in the table a few at a time. The newest event always stays; whoever asks with an older cursor gets `#info OutdatedCursor` and the oldest that is left.
 * Source: ours (the reference keeps every event); the window is PDS_REPO_BACKFILL_LIMIT_MS.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Database, Statement } from '@dunlin/service/sqlite/database';
import type { EventFiles } from './event-files.ts';
import type { GroupCommit } from './group-commit.ts';
import { RunStore, type EventFile } from './run-store.ts';
import type { Sequencer } from './sequencer.ts';

/** How often old events are looked for, in ms. */
export const retentionEveryMs = 60_000;

/** Most events removed in one transaction. */
export const retentionBatch = 1_000;

/** Keeps events within their window. */
export class Retention {
  readonly #sequencer: Sequencer;
  readonly #groups: GroupCommit;
  readonly #files: EventFiles;
  readonly #runs: RunStore;
  readonly #clock: Clock;
  readonly #windowMs: number;
  readonly #delete: Statement<[number, number], unknown>;

  constructor(o: { database: Database; sequencer: Sequencer; groups: GroupCommit; files: EventFiles; clock: Clock; windowMs: number }) {
    this.#sequencer = o.sequencer;
    this.#groups = o.groups;
    this.#files = o.files;
    this.#runs = new RunStore(o.database);
    this.#clock = o.clock;
    this.#windowMs = o.windowMs;
    this.#delete = o.database.prepare('DELETE FROM event WHERE seq IN (SELECT seq FROM event WHERE seq <= ? ORDER BY seq LIMIT ?)');
  }

  /** Removes what is older than the window and resolves with how many events those were. */
  async prune(): Promise<number> {
    const inFiles = await this.#pruneFiles();
    // Events of the table are later than all of those.
    return this.#runs.newestFile() === null ? inFiles + (await this.#pruneTable()) : inFiles;
  }

  async #pruneFiles(): Promise<number> {
    let removed = 0;
    for (const file of this.#oldFiles()) {
      if (file.lastSeq >= this.#sequencer.headSeq()) break;
      const count = this.#runs.heldIn(file);
      if (!(await this.#groups.write(() => this.#runs.removeFile(file)))) break;
      this.#sequencer.refreshOldest();
      await this.#files.remove(file.file);
      removed += count;
    }
    return removed;
  }

  /** Gives the files that are out of the window. A time that has not come yet, of a clock that was ahead, says nothing: its file goes with the next. */
  #oldFiles(): EventFile[] {
    const [files, nowMs] = [this.#runs.files(), this.#clock.nowMs()];
    let count = 0;
    for (const [index, { lastAt }] of files.entries()) {
      if (lastAt > nowMs) continue;
      if (lastAt >= nowMs - this.#windowMs) break;
      count = index + 1;
    }
    return files.slice(0, count);
  }

  async #pruneTable(): Promise<number> {
    const last = Math.min(this.#sequencer.seqAtTime(this.#clock.nowMs() - this.#windowMs), this.#sequencer.headSeq() - 1);
    let removed = 0;
    for (let batch = retentionBatch; batch === retentionBatch; removed += batch) {
      batch = await this.#groups.write(() => this.#delete.run(last, retentionBatch).changes);
    }
    if (removed > 0) this.#sequencer.refreshOldest();
    return removed;
  }
}
