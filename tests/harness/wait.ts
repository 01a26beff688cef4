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
