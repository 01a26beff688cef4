/**
 * Overwrites the bytes of forgotten events in files, after the deletion of their account is durable. Nobody is shown them any more by
 * then: the rows say so. What a crash leaves undone is found by those rows.
 * Not for who is forgotten (`sequencer.ts`). Source: ours; decision 0027.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
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
  readonly #clock: Clock;
  readonly #onFault: (fault: unknown) => void;
  #erasing: Promise<void> | null = null;
  #isClosing = false;

  constructor(o: { database: Database; groups: GroupCommit; files: EventFiles; clock: Clock; onFault: (fault: unknown) => void }) {
    this.#groups = o.groups;
    this.#files = o.files;
    this.#runs = new RunStore(o.database);
    this.#clock = o.clock;
    this.#onFault = o.onFault;
  }

  /** Erases what there is, now and every now and then; gives a function that ends it after the run that is under way. */
  start(): () => Promise<void> {
    const timer = this.#clock.every(erasureEveryMs, () => this.nudge(), { unref: true });
    this.nudge();
    return async () => {
      timer.cancel();
      this.#isClosing = true;
      await this.#erasing?.catch(() => undefined);
    };
  }

  /** Erases what there is; does not wait for it. */
  nudge(): void {
    // Whoever began what is under way hears of its fault.
    if (this.#erasing === null) this.erase().catch(this.#onFault);
  }

  /** Erases what there is, and resolves when nothing is left to erase. */
  erase(): Promise<void> {
    // What is forgotten while the last run is erased is seen by the look after it.
    this.#erasing ??= this.#eraseAll().finally(() => (this.#erasing = null));
    return this.#erasing;
  }

  async #eraseAll(): Promise<void> {
    for (let run = this.#runs.toErase(); run !== null && !this.#isClosing; run = this.#runs.toErase()) {
      await this.#files.erase(run.file, gapsOf(run));
      const erased = run;
      await this.#groups.write(() => this.#runs.setErased(erased));
    }
  }
}
