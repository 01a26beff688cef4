/**
 * Overwrites the bytes of forgotten events in files, after the deletion of their account is durable. Nobody is shown them any more by
 * then: the rows say so. What a crash leaves undone is found by those rows.
 * Not for who is forgotten (`sequencer.ts`). Source: ours; decision 0027.
 */
import type { Database } from '@dunlin/service/sqlite/database';
import type { EventFiles } from './event-files.ts';
import type { GroupCommit } from './group-commit.ts';
import { gapsOf, RunStore } from './run-store.ts';

/** How often it is looked whether something was left to erase, by a crash or a fault, in ms. */
export const erasureEveryMs = 60_000;

/** Erases forgotten events. */
export class Erasure {
  readonly #groups: GroupCommit;
  readonly #files: EventFiles;
  readonly #runs: RunStore;

  constructor(o: { database: Database; groups: GroupCommit; files: EventFiles }) {
    this.#groups = o.groups;
    this.#files = o.files;
    this.#runs = new RunStore(o.database);
  }

  /** Erases what there is, and resolves when nothing is left to erase; `signal` ends it after the run that is under way. */
  async erase(signal?: AbortSignal): Promise<void> {
    for (;;) {
      const run = signal?.aborted === true ? null : this.#runs.toErase();
      if (run === null) return;
      await this.#files.erase(run.file, gapsOf(run));
      await this.#groups.write(() => this.#runs.setErased(run));
    }
  }
}
