/**
 * The one place where all sessions of an account end: when its password changes, when it is taken down, when an operator says so.
 * Whoever keeps sessions of another kind adds how to end them; everything happens in the caller's transaction.
 * Not for ending one session (`sessions.ts`). Source: ours.
 */

/** Ends the sessions of one kind, within a group. */
export type SessionEnder = (accountId: number) => void;

/** Ends sessions of every kind. */
export class SessionEnds {
  readonly #enders: SessionEnder[] = [];

  /** Adds a kind of sessions. */
  add(ender: SessionEnder): void {
    this.#enders.push(ender);
  }

  /** Ends every session of an account; to be called within a group. */
  endAll(accountId: number): void {
    for (const end of this.#enders) end(accountId);
  }
}
