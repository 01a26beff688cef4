/**
 * The least pace at which bytes must come while somebody waits for them: so many within each window, counted from when they had come before.
 * Only time that is spent waiting for the other side is given to it, so that nobody is blamed for our own slowness.
 * Not a timer: whoever waits sets one for `leftMs`. For bodies of requests and answers of servers that others chose.
 * Source: ours, docs/decisions/0030-a-least-pace.md.
 */

import type { Clock } from '@dunlin/protocol/base/clock';

/** A least pace. */
export interface PaceRule {
  /** Bytes that must come in each window. */
  readonly leastBytes: number;
  /** Length of a window, in ms. */
  readonly windowMs: number;
}

/** Keeps the pace of one exchange. */
export class Pace {
  readonly #rule: PaceRule;
  #waitedMs = 0;
  #bytes = 0;

  constructor(rule: PaceRule) {
    this.#rule = rule;
  }

  /** Ms that may still be waited before the window is over. */
  get leftMs(): number {
    return Math.max(0, this.#rule.windowMs - this.#waitedMs);
  }

  /** Counts what came while `waitedMs` were waited; false when a window is over without enough. */
  took({ waitedMs, bytes }: { waitedMs: number; bytes: number }): boolean {
    this.#waitedMs += waitedMs;
    this.#bytes += bytes;
    if (this.#bytes >= this.#rule.leastBytes) {
      this.#waitedMs = 0;
      this.#bytes = 0;
      return true;
    }
    return this.#waitedMs < this.#rule.windowMs;
  }
}

/** Whoever takes what is made was too slow. */
export class TooSlowError extends Error {}

/**
 * Gives what is made, piece by piece, as long as whoever takes it keeps a pace. It is looked at when a piece is asked for, so it is
 * for readers that drip: one who asks no more at all is for another to end.
 * @throws TooSlowError
 */
export async function* atPace<T extends Uint8Array>(pieces: AsyncIterable<T>, { rule, clock }: { rule: PaceRule; clock: Clock }): AsyncGenerator<T, void, undefined> {
  const pace = new Pace(rule);
  for await (const piece of pieces) {
    const givenMs = clock.elapsedMs();
    yield piece;
    if (!pace.took({ waitedMs: clock.elapsedMs() - givenMs, bytes: piece.length })) throw new TooSlowError(`too little was taken: leastBytes=${rule.leastBytes} windowMs=${rule.windowMs}`);
  }
}
