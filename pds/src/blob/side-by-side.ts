/**
 * Does work on many things, some at a time: a bucket answers many requests as quickly as one.
 * Not for work that must keep an order (`turns.ts`), nor for requests of people, which come as they come.
 * Source: ours.
 */

/** How many files are worked on at once where nobody waits for one of them. */
export const filesAtOnce = 8;

/** Does work on every item, at most `width` at once. After a fault nothing further is begun, and it is thrown when all under way has ended. */
export async function sideBySide<T>(items: Iterable<T>, width: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items[Symbol.iterator]();
  const faults: unknown[] = [];
  const one = async (): Promise<void> => {
    while (faults.length === 0) {
      const next = rest.next();
      if (next.done) return;
      try {
        await work(next.value);
      } catch (fault) {
        faults.push(fault);
      }
    }
  };
  await Promise.all(Array.from({ length: width }, one));
  if (faults.length > 0) throw faults[0];
}
