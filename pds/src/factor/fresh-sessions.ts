/**
 * Which access tokens came out of a sign-in with the account's own password, and second factor, within the last ten minutes.
 * Changes to factors and keys ask for one of these: a session that was stolen or left open is not enough to lock its owner out.
 * In bounded memory, by digest; after a restart people sign in again. Not for access itself (`session-token.ts`). Source: ours.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { growingCache } from '@dunlin/protocol/base/growing-cache';
import { sha256Latin1 } from '@dunlin/protocol/crypto/hash';

/** How long a session counts as fresh, in ms. */
export const freshLifeMs = 10 * 60_000;

/** Most fresh sessions remembered; the oldest go first. */
const maxFresh = 10_000;

/** Fresh sessions. */
export class FreshSessions {
  readonly #clock: Clock;
  readonly #untilMs = growingCache<string, number>(maxFresh);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes a session that was just begun. */
  note(accessJwt: string): void {
    this.#untilMs.set(sha256Latin1(accessJwt), this.#clock.nowMs() + freshLifeMs);
  }

  /** Tells whether the session is fresh. */
  has(accessJwt: string): boolean {
    return (this.#untilMs.get(sha256Latin1(accessJwt)) ?? 0) > this.#clock.nowMs();
  }
}
