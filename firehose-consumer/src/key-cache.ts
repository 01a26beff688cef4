/**
 * Signing keys at hand, so that verifying an event of a known account waits for nothing.
 * Not for: resolving (the IdentityResolver does and has a larger cache of its own behind this one).
 * Place in the flow: inside the verifier. Also keeps count of who was looked up afresh, which bad input may not force
 * more than once in a while per account, and of who could not be looked up at all.
 * Source: ours.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { PublicKey } from '@dunlin/protocol/crypto/did-key';

/** The most accounts whose key is kept at hand; some 300 bytes each. */
const maxKeys = 100_000;
/** How long a key is used without asking the resolver again. */
const maxAgeMs = 600_000;
/** How often bad input may have one account looked up afresh. */
const refreshEveryMs = 60_000;
const maxRemembered = 10_000;

/** Keys by DID, bounded, the oldest leaving first. */
export class KeyCache {
  readonly #clock: Clock;
  readonly #keys = new Map<string, { key: PublicKey; untilMs: number }>();
  readonly #refreshedAtMs = new Map<string, number>();
  readonly #failingSinceMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#keys.size;
  }

  /** Gives the key, null when it is not at hand or too old. */
  get(did: string): PublicKey | null {
    const kept = this.#keys.get(did);
    return kept && kept.untilMs > this.#clock.elapsedMs() ? kept.key : null;
  }

  set(did: string, key: PublicKey): void {
    this.#failingSinceMs.delete(did);
    this.#keys.delete(did);
    if (this.#keys.size >= maxKeys) forgetOldest(this.#keys);
    this.#keys.set(did, { key, untilMs: this.#clock.elapsedMs() + maxAgeMs });
  }

  delete(did: string): void {
    this.#keys.delete(did);
  }

  /** Takes note that a look-up failed; gives for how long they have, in ms: 0 for the first since one succeeded. */
  failed(did: string): number {
    const nowMs = this.#clock.elapsedMs();
    const sinceMs = this.#failingSinceMs.get(did);
    if (sinceMs !== undefined) return nowMs - sinceMs;
    if (this.#failingSinceMs.size >= maxRemembered) forgetOldest(this.#failingSinceMs);
    this.#failingSinceMs.set(did, nowMs);
    return 0;
  }

  /** Tells whether the account may be looked up afresh now, and if so counts it. */
  takeRefresh(did: string): boolean {
    const nowMs = this.#clock.elapsedMs();
    const lastMs = this.#refreshedAtMs.get(did);
    if (lastMs !== undefined && nowMs - lastMs < refreshEveryMs) return false;
    this.#refreshedAtMs.delete(did);
    if (this.#refreshedAtMs.size >= maxRemembered) forgetOldest(this.#refreshedAtMs);
    this.#refreshedAtMs.set(did, nowMs);
    return true;
  }
}

function forgetOldest<T>(map: Map<string, T>): void {
  const oldest = map.keys().next();
  if (!oldest.done) map.delete(oldest.value);
}
