/**
 * Places for moves that are at work, and the line before them: whoever comes first is served first, and who has had a turn lets others by.
 * A move that waits for something else, such as its next try, holds no place.
 * Source: ours, docs/decisions/0030-a-least-pace.md.
 */

/** A line before a few places. */
export class MoveLine {
  readonly #places: number;
  readonly #waiting = new Set<() => void>();
  #taken = 0;

  constructor(places: number) {
    this.#places = places;
  }

  /** True when somebody waits for a place. */
  get isWaitedFor(): boolean {
    return this.#waiting.size > 0;
  }

  /** How many have a place. */
  get taken(): number {
    return this.#taken;
  }

  /** How many wait for one. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Resolves when there is a place, which is then taken. @throws the signal's reason */
  async enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#taken < this.#places) {
      this.#taken++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const give = (): void => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        this.#waiting.delete(give);
        reject(signal.reason);
      };
      this.#waiting.add(give);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** Gives the place to the next in line. */
  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#taken--;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
