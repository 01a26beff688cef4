/**
 * A few places for work that takes long, and the line before them: whoever comes first is served first.
 * Work that waits for something else should hold no place meanwhile. Not for turns on one thing.
 * Source: ours, docs/decisions/0030-a-least-pace.md.
 */

/** A line before a few places. */
export class Line {
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

  /** Does some work in a place, as soon as there is one. @throws the signal's reason */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.enter(signal);
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  /** Resolves when there is a place, which is then taken and must be left. @throws the signal's reason */
  async enter(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#taken < this.#places) {
      this.#taken++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const give = (): void => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = (): void => {
        this.#waiting.delete(give);
        reject(signal?.reason);
      };
      this.#waiting.add(give);
      signal?.addEventListener('abort', giveUp, { once: true });
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
