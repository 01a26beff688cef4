/**
 * Waiting that ends with a signal, for promises that know of none.
 * Not for: ending the work behind the promise.
 * Place in the flow: resyncs and backfills.
 * Source: ours.
 */

/** Waits for a promise, or until the signal aborts: then it resolves too. */
export function untilAborted(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const onAbort = (): void => resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(() => resolve(), reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
