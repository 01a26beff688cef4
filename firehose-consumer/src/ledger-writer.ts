/**
 * Writes to a ledger in groups: all that one turn of the loop brings, or that came while the last group was written, becomes
 * one transaction.
 * Not for: what is written (see continuity.ts).
 * Place in the flow: between an event and its delivery, and between its end and the cursor.
 * Rule: callbacks are called in the order of their changes, each after its own are durable.
 * Source: ours.
 */
import type { Ledger, LedgerChange } from './ledger.ts';

interface Piece {
  readonly changes: readonly LedgerChange[];
  readonly done: () => void;
}

/** The one writer of a ledger. */
export class LedgerWriter {
  readonly #ledger: Ledger;
  readonly #onFault: (error: unknown) => void;
  #waiting: Piece[] = [];
  #running: Promise<void> | null = null;
  #isBroken = false;

  /** `onFault` hears of the write that failed; nothing is written and nothing is called after it. */
  constructor(ledger: Ledger, onFault: (error: unknown) => void) {
    this.#ledger = ledger;
    this.#onFault = onFault;
  }

  /** Adds changes, none included: then `done` still waits for its turn. */
  push(changes: readonly LedgerChange[], done: () => void): void {
    this.#waiting.push({ changes, done });
    this.#running ??= this.#run();
  }

  /** Resolves when everything pushed so far is durable, or a write has failed. */
  async flush(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async #run(): Promise<void> {
    // All that one read of the socket brings comes before this goes on.
    await new Promise((resolve) => setImmediate(resolve));
    try {
      while (this.#waiting.length > 0 && !this.#isBroken) {
        const pieces = this.#waiting;
        this.#waiting = [];
        const changes = pieces.flatMap((piece) => piece.changes);
        if (changes.length > 0) await this.#ledger.write(changes);
        for (const piece of pieces) piece.done();
      }
    } catch (error) {
      this.#isBroken = true;
      this.#onFault(error);
    } finally {
      this.#running = null;
    }
  }
}
