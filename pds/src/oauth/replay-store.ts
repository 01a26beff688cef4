/**
 * Remembers what may be used once (proofs, client assertions, request objects) until it would be refused for its age anyway.
 * In bounded memory: when it is full the oldest go first, and it says no to nobody.
 * Not across restarts: proofs carry a nonce that lives three minutes. Source: ReplayStore of @atproto/oauth-provider; RFC 9449, 11.1.
 */
import type { ReplayStore } from '@atproto/oauth-provider/store';
import type { Clock } from '@dunlin/protocol/base/clock';
import { growingCache } from '@dunlin/protocol/base/growing-cache';
import { sha256Latin1 } from '@dunlin/protocol/crypto/hash';

/** Most names remembered; one takes about 200 bytes. */
export const maxReplayNames = 100_000;

/** Longest time a name is remembered, in ms: a client chooses the end of its assertions itself. */
export const maxReplayMs = 24 * 3_600_000;

/** Names that were used, in memory. */
export class ReplayNames implements ReplayStore {
  readonly #clock: Clock;
  /** Digest of a name → until when it is remembered. */
  readonly #used = growingCache<string, number>(maxReplayNames);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  unique(namespace: string, nonce: string, timeFrame: number): boolean {
    const key = sha256Latin1(`${namespace}\n${nonce}`);
    const nowMs = this.#clock.nowMs();
    const untilMs = this.#used.get(key);
    this.#used.set(key, nowMs + Math.min(timeFrame, maxReplayMs));
    return untilMs === undefined || untilMs < nowMs;
  }
}
