/**
 * Looks handles up, behind the index: both directions must agree before anybody sees a handle.
 * The list of what is due is in the index itself, so a restart forgets nothing; a fault of the network is tried again later.
 * Not for resolving (protocol/identity) nor for when a handle is due (indexer.ts).
 * Source: AT Protocol spec "Handle".
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import type { AccountStore } from '../store/account-store.ts';

/** What came of a look-up. */
export type HandleOutcome = 'verified' | 'none' | 'unavailable';

/** Parts. */
export interface HandleCheckOptions {
  readonly accounts: AccountStore;
  readonly resolver: IdentityResolver;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Writes down what was found. */
  readonly apply: (did: string, handle: string | null) => void;
  readonly onOutcome?: (outcome: HandleOutcome) => void;
}

/** Look-ups at once. */
const concurrency = 16;

/** How long a DID whose look-up met a network fault waits, in ms: at first, and at most, doubled each time it meets one again. */
const retryMs = 30_000;
const maxRetryMs = 3_600_000;
const maxRemembered = 10_000;

/** Keeps handles up to date. */
export class HandleCheck {
  readonly #o: HandleCheckOptions;
  readonly #running = new Set<string>();
  /** DIDs that met a network fault, with how long they wait and until when. Those whose servers never answer must not come first for ever. */
  readonly #later = new Map<string, { readonly waitMs: number; readonly untilMs: number }>();

  constructor(o: HandleCheckOptions) {
    this.#o = o;
    const timer = o.clock.every(retryMs, () => this.poke(), { unref: true });
    o.signal.addEventListener('abort', () => timer.cancel(), { once: true });
  }

  /** Looks up what is due; called after every write that may have made something due. */
  poke(): void {
    if (this.#o.signal.aborted || this.#running.size >= concurrency) return;
    const nowMs = this.#o.clock.elapsedMs();
    for (const did of this.#o.accounts.handlesDue(concurrency + this.#running.size + this.#later.size)) {
      if (this.#running.size >= concurrency) return;
      if (this.#running.has(did) || (this.#later.get(did)?.untilMs ?? 0) > nowMs) continue;
      this.#running.add(did);
      void this.#check(did).then(() => this.poke());
    }
  }

  async #check(did: string): Promise<void> {
    try {
      const handle = await this.#o.resolver.verifiedHandle(did, { signal: this.#o.signal });
      if (this.#o.signal.aborted) return;
      this.#later.delete(did);
      this.#o.apply(did, handle);
      this.#o.onOutcome?.(handle === null ? 'none' : 'verified');
    } catch (error) {
      if (this.#o.signal.aborted) return;
      if (!(error instanceof ProtocolError)) throw error;
      const waitMs = Math.min(maxRetryMs, (this.#later.get(did)?.waitMs ?? retryMs / 2) * 2);
      if (this.#later.size >= maxRemembered) this.#later.clear();
      this.#later.set(did, { waitMs, untilMs: this.#o.clock.elapsedMs() + waitMs });
      this.#o.onOutcome?.('unavailable');
    } finally {
      this.#running.delete(did);
    }
  }
}
