/**
 * What the index tells after a write is durable, in index order: rooms and counters live on this.
 * Listeners run at once and in order, in the same turn as the write, so whoever reads the index sees either both or neither.
 * Not a queue: a listener that is slow queues on its own side.
 * Source: ours, see docs/invariants.md 12.
 */

/** A message that is now in the index and shown. `record` is JSON. */
export interface MessagePut {
  readonly kind: 'messagePut';
  readonly room: string;
  readonly uri: string;
  readonly cid: string;
  readonly did: string;
  readonly record: unknown;
  /** True for a message not seen before, false for one written again. */
  readonly isNew: boolean;
  readonly createdAtMs: number;
  readonly indexedAtMs: number;
}

/** One change, in index order. */
export type Change =
  | MessagePut
  | { readonly kind: 'messageRemoved'; readonly room: string; readonly uri: string }
  | { readonly kind: 'room'; readonly uri: string }
  /** An account began or ceased to be visible, with the rooms it owns; `rooms` are those it has written in. */
  | { readonly kind: 'account'; readonly did: string; readonly isVisible: boolean; readonly rooms: readonly string[] }
  /** A handle was verified, or no longer verifies. */
  | { readonly kind: 'handle'; readonly did: string; readonly handle: string | null };

/** All changes of one write. */
export interface Changes {
  /** Subjects whose counts may have changed, in normal form. */
  readonly subjects: ReadonlySet<string>;
  readonly inOrder: readonly Change[];
}

/** Tells changes to whoever listens. */
export class ChangeFeed {
  readonly #listeners = new Set<(changes: Changes) => void>();

  /** Begins to listen; the function given back ends it. */
  listen(listener: (changes: Changes) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Tells the changes of a write that is durable. */
  publish(changes: Changes): void {
    if (changes.subjects.size === 0 && changes.inOrder.length === 0) return;
    for (const listener of this.#listeners) listener(changes);
  }
}
