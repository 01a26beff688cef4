/**
 * The first of what a search through an account's blobs finds, step by step, with turns for everybody else in between.
 * Not for searching (`blob-store.ts`).
 * Source: ours.
 */

/** Gives the first `limit` of what the steps find, or fewer when that is all. @throws the signal's reason */
export async function firstOf<T>(steps: Iterable<readonly T[]>, limit: number, signal?: AbortSignal): Promise<T[]> {
  const all: T[] = [];
  for (const found of steps) {
    all.push(...found.slice(0, limit - all.length));
    if (all.length === limit) break;
    await new Promise((resolve) => void setImmediate(resolve));
    signal?.throwIfAborted();
  }
  return all;
}
