/**
 * Saves a cursor that moved, at intervals and at the end, never two at once.
 * Not for: deciding which cursor is safe (see cursor.ts) or where it is kept (see cursor-store.ts).
 * Place in the flow: beside the pipeline of a running stream.
 * Rule: a save that fails is told and tried again at the next interval; at the end it is thrown.
 * Source: ours.
 */
import type { Clock, Timer } from '@dunlin/protocol/base/clock';
import type { CursorStore } from './cursor-store.ts';

/** What a `CursorSaver` works with. */
export interface CursorSaverOptions {
  store: CursorStore;
  clock: Clock;
  intervalMs: number;
  /** The cursor as it stands now. */
  cursor: () => number | null;
  onSaved: () => void;
  onFailed: (error: unknown) => void;
}

/** Keeps a store near the cursor; `saved` is what the store held at the start. */
export class CursorSaver {
  readonly #options: CursorSaverOptions;
  #saved: number | null;
  #saving: Promise<void> | null = null;
  readonly #timer: Timer;

  constructor(saved: number | null, options: CursorSaverOptions) {
    this.#saved = saved;
    this.#options = options;
    this.#timer = options.clock.every(options.intervalMs, () => void this.#attempt().catch(options.onFailed));
  }

  /** Stops the intervals and saves once more. Rejects when that fails. */
  async finish(): Promise<void> {
    this.#timer.cancel();
    await this.#saving?.catch(() => undefined);
    await this.#attempt();
  }

  /** Saves unless that is under way or nothing moved. */
  #attempt(): Promise<void> {
    const cursor = this.#options.cursor();
    if (this.#saving || cursor === null || cursor === this.#saved) return Promise.resolve();
    this.#saving = this.#options.store.save(cursor).then(() => {
      this.#saved = cursor;
      this.#options.onSaved();
    });
    return this.#saving.finally(() => (this.#saving = null));
  }
}
