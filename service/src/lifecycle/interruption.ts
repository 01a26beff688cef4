/**
 * Lets somebody end another's waiting: for the next piece of a stream, and the one after it, as often as it waits.
 * Unlike `Promise.race` with one promise for all, it keeps nothing of the waits that are over: such a promise would hold every piece.
 * Not for work that hears an AbortSignal by itself. Source: ours.
 */

/** Ends waits, once and for all. */
export class Interruption {
  #end: { readonly fault: unknown } | null = null;
  #reject: ((fault: unknown) => void) | null = null;

  /** Ends the wait that is under way, and those to come, with a fault; the first fault stays. */
  interrupt(fault: unknown): void {
    this.#end ??= { fault };
    this.#reject?.(this.#end.fault);
  }

  /** Waits for a promise, one wait at a time. @throws the fault of `interrupt`, what the promise throws */
  async wait<T>(promise: Promise<T>): Promise<T> {
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#reject = reject;
        // What comes after the end is heard, so that it is no unhandled rejection.
        promise.then(resolve, reject);
        if (this.#end !== null) reject(this.#end.fault);
      });
    } finally {
      this.#reject = null;
    }
  }
}
