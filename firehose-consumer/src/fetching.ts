/**
 * One account while its repository is fetched and compared: the handle that a resync has on its chain.
 * Not for: the fetch itself (see resync.ts).
 * Place in the flow: made by `Continuity.begin`; ended exactly once, by `succeed` or `giveUp`, or from outside when the account
 * is no longer to be fetched.
 * Source: ours.
 */
import type { Chain } from './chain.ts';
import type { HeldDifferences } from './decode.ts';
import type { LedgerAccount } from './ledger.ts';

/** What an account under way can do. */
export interface FetchingParts {
  readonly tell: (held: HeldDifferences) => void;
  /** The account's server says that it is not there. */
  readonly gone: () => void;
  /** Ends the fetch; true when it was enough. */
  readonly end: (head: LedgerAccount['head'], after: (() => void) | null) => boolean;
}

/** An account that is being fetched. */
export class Fetching {
  readonly #chain: Chain;
  readonly #parts: FetchingParts;
  /** Aborts when the fetch is over, whoever ended it. */
  readonly signal: AbortSignal;

  constructor(chain: Chain, parts: FetchingParts) {
    this.#chain = chain;
    this.#parts = parts;
    this.signal = (chain.fetch as NonNullable<Chain['fetch']>).cancel.signal;
  }

  get did(): string {
    return this.#chain.did;
  }

  /** Whether a repository of this rev has all that is known to be missing. */
  isEnough(rev: string): boolean {
    const { neededRev, head } = this.#chain;
    return (neededRev === null || rev >= neededRev) && (head === null || rev >= head.rev);
  }

  /** Resolves when all that was told of the account before is handled and in the ledger. */
  idle(): Promise<void> {
    return this.#chain.idle();
  }

  /** Tells a piece; not to be called once the fetch is over. */
  tell(held: HeldDifferences): void {
    this.#parts.tell(held);
  }

  /** All was told: the chain goes on from `head`; `after` is called when all was handled. Gives false when more is missing by now, and when it was ended before. */
  succeed(head: NonNullable<LedgerAccount['head']>, after: () => void): boolean {
    return !this.signal.aborted && this.#parts.end(head, after);
  }

  /** Nothing, or not all, was told; the account stays stale. `isGone`: it is not fetched before the stream speaks of it again. */
  giveUp(isGone: boolean): void {
    if (this.signal.aborted) return;
    this.#parts.end(null, null);
    if (isGone) this.#parts.gone();
  }
}
