/**
 * Which accounts are to be asked about next: those in doubt first, then all others that are not known exactly, found by
 * going through the account table over and over.
 * Not for asking (checks.ts). Place in the flow: refilled by a timer; nothing of it is stored, since what is not known
 * exactly stands in the index, so a restart goes on where things are.
 * Source: ours. Bounded: so many accounts a host, so many in all; the others are found in a later round.
 */

const maxPerHost = 64;
const maxQueued = 8_192;
const maxUrgent = 65_536;
/** Rows looked at in one go: well below a ms. */
const rowsPerStep = 20_000;

/** What it looks at. */
export interface CheckQueueParts {
  /** How many account rows there are. */
  readonly rows: () => number;
  /** Says whether an account is to be asked about, and at which host; −1 when not. */
  readonly hostToAsk: (row: number) => number;
  /** Says whether its host has told already and is only to prove it: that waits until nobody else at the host does. */
  readonly isForProof: (row: number) => boolean;
}

/** The queue. */
export class CheckQueue {
  readonly #parts: CheckQueueParts;
  readonly #perHost = new Map<number, Set<number>>();
  readonly #urgent = new Set<number>();
  #queued = 0;
  #nextRow = 0;
  /** Hosts with accounts that are not for proof, in this round and the one before; null before the first is over. */
  #asking = new Set<number>();
  #askedBefore: ReadonlySet<number> | null = null;

  constructor(parts: CheckQueueParts) {
    this.#parts = parts;
  }

  /** Accounts waiting in the queue; there may be more in the table. */
  get size(): number {
    return this.#queued + this.#urgent.size;
  }

  /** Hosts with accounts waiting; whose turn was last comes last. */
  hosts(): number[] {
    return [...this.#perHost.keys()];
  }

  /** Puts an account before others; beyond a bound it waits for its turn in the table. */
  hurry(row: number): void {
    if (this.#urgent.size < maxUrgent) this.#urgent.add(row);
  }

  /** Looks for accounts to ask about. */
  refill(): void {
    for (const row of this.#urgent) {
      if (this.#queued >= maxQueued) return;
      this.#urgent.delete(row);
      this.#add(row);
    }
    const rows = this.#parts.rows();
    for (let looked = 0; looked < Math.min(rowsPerStep, rows) && this.#queued < maxQueued; looked++) {
      if (this.#nextRow >= rows) this.#endRound();
      this.#add(this.#nextRow);
      this.#nextRow += 1;
    }
  }

  /** Gives the next account of a host that is still to be asked about, or −1. */
  take(host: number): number {
    const waiting = this.#perHost.get(host);
    if (!waiting) return -1;
    this.#perHost.delete(host);
    for (const row of waiting) {
      waiting.delete(row);
      this.#queued -= 1;
      if (this.#parts.hostToAsk(row) !== host) continue;
      if (waiting.size > 0) this.#perHost.set(host, waiting);
      return row;
    }
    return -1;
  }

  #endRound(): void {
    this.#nextRow = 0;
    this.#askedBefore = this.#asking;
    this.#asking = new Set();
  }

  #add(row: number): void {
    const host = this.#parts.hostToAsk(row);
    if (host < 0) return;
    if (!this.#parts.isForProof(row)) this.#asking.add(host);
    else if (this.#asking.has(host) || (this.#askedBefore?.has(host) ?? true)) return;
    let waiting = this.#perHost.get(host);
    if (!waiting) {
      waiting = new Set();
      this.#perHost.set(host, waiting);
    }
    if (waiting.size >= maxPerHost || waiting.has(row)) return;
    waiting.add(row);
    this.#queued += 1;
  }
}
