/**
 * Waiting for a condition in tests. Never a fixed sleep: the condition is looked at until it holds or the deadline passes.
 * Not for: product code, which waits on events.
 * Source: ours.
 */

/** Resolves with the first truthy value that `check` gives. @throws after `deadlineMs` with `what` and the last error. */
export async function eventually<T>(
  what: string,
  check: () => T | Promise<T>,
  deadlineMs = 30_000,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + deadlineMs;
  let lastError: unknown = null;
  for (;;) {
    try {
      const value = await check();
      if (value) return value;
      lastError = null;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() > deadline) throw new Error(`never came true: ${what}`, { cause: lastError });
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Lets the loop turn so many times: what is ready by then has run, timers apart. */
export async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await new Promise((resolve) => setImmediate(resolve));
}
