/**
 * Lets pieces of work on the same thing happen one after another, each to its end.
 * For what waits in the middle: an outside call, a file. What is synchronous needs no turn.
 * Not for places that many share, whoever they are (`line.ts`). Source: ours.
 */

/** Work in turns, by key. A key takes memory only while somebody works or waits on it. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Tells whether somebody works or waits on a key. */
  isBusy(key: string): boolean {
    return this.#last.has(key);
  }

  /** Runs the work when everything begun before under this key has ended, and gives its result. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const mine = before === undefined ? work() : before.then(work, work);
    this.#last.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.#last.get(key) === mine) this.#last.delete(key);
    }
  }
}
