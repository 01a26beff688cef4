/**
 * Lets only so many look-ups begin a second, of all hosts together, in the order they were asked for.
 * Not for hosts (walker.ts) nor for what events need, which is never slowed down by it.
 * Place in the flow: before each look-up of an account that only a list names. Source: ours.
 */
import type { Clock } from '@dunlin/protocol/base/clock';

/** The pace. */
export class LookupPace {
  readonly #everyMs: number;
  readonly #clock: Clock;
  #nextMs = 0;

  constructor(perSecond: number, clock: Clock) {
    this.#everyMs = 1_000 / perSecond;
    this.#clock = clock;
  }

  /** Resolves when it is one's turn, or at once when the signal is aborted. */
  async turn(signal: AbortSignal): Promise<void> {
    const nowMs = this.#clock.elapsedMs();
    const atMs = Math.max(nowMs, this.#nextMs);
    this.#nextMs = atMs + this.#everyMs;
    await waitMs(this.#clock, atMs - nowMs, signal);
  }
}

/** Waits so long, or until the signal is aborted. */
export async function waitMs(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = (): void => resolve();
  const timer = clock.after(ms, end, { unref: true });
  signal.addEventListener('abort', end, { once: true });
  await promise;
  timer.cancel();
  signal.removeEventListener('abort', end);
}
