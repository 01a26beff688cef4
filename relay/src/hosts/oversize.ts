/**
 * When one goes on past a frame that is too large to be read at all: its seq is never seen, and the stream behind it
 * would never come.
 * Not for frames that can be read and are dropped for their size (ingest/intake.ts).
 * Place in the flow: hop 5, asked when a connection ended because of such a frame. A few times in a row at the same
 * place, and it is passed over: by one seq, and while that is not enough by twice as many as the last time.
 * Source: ours.
 */

/** Attempts at the same place before it is passed over: the frame may have been cut wrong on the way. */
const attempts = 3;
const maxJump = 2 ** 40;

/** The rule, for one host. */
export class Oversize {
  #at = -1;
  #attempts = 0;
  #jump = 0;
  #jumpedTo = -1;

  /** Hears that the stream ended so behind `lastSeq`; gives how many seqs to pass over, 0 to try again. */
  ended(lastSeq: number): number {
    const isStill = lastSeq === this.#jumpedTo;
    if (lastSeq !== this.#at) this.#attempts = 0;
    this.#at = lastSeq;
    this.#attempts += 1;
    if (!isStill && this.#attempts < attempts) return 0;
    this.#jump = isStill ? Math.min(this.#jump * 2, maxJump) : 1;
    this.#jumpedTo = lastSeq + this.#jump;
    return this.#jump;
  }

  /** Gives where the stream stood before the last jump, when that led to `lastSeq` and the host has no such seq yet; else null. */
  backFrom(lastSeq: number): number | null {
    if (lastSeq !== this.#jumpedTo) return null;
    this.#jumpedTo = -1;
    return lastSeq - this.#jump;
  }
}
