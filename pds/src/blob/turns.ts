/**
 * Lets pieces of work on the same thing happen one after another, each to its end.
 * Blobs need it: naming a file and writing its row must not be crossed by the trash removing both.
 * Not for repository writes, which are serial by running synchronously. Source: ours.
 */
import type { Cid } from '@dunlin/protocol/data/cid';

/** Gives the key under which somebody works on one blob of an account. */
export function blobKey(did: string, cid: Cid): string {
  return `${did}/${cid.toString()}`;
}

/** Work in turns, by key. A key takes memory only while somebody works or waits on it. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

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
