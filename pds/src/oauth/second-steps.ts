/**
 * Sign-ins whose password was right and whose second factor is still owed, by device: for ten minutes, in bounded memory.
 * Not for password sessions, which send their factor along with the password. Not across restarts: the person types the password again.
 * Source: ours.
 */
import type { DeviceId } from '@atproto/oauth-provider/store';
import type { Clock } from '@dunlin/protocol/base/clock';
import { growingCache } from '@dunlin/protocol/base/growing-cache';

/** How long a second step may take, in ms. */
export const secondStepMs = 10 * 60_000;

/** Most second steps owed at once; the oldest go first. */
export const maxSecondSteps = 10_000;

/** Second steps owed. */
export class SecondSteps {
  readonly #clock: Clock;
  readonly #owed = growingCache<DeviceId, { accountId: number; untilMs: number }>(maxSecondSteps);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes that the password of an account was right on a device. */
  begin(deviceId: DeviceId, accountId: number): void {
    this.#owed.set(deviceId, { accountId, untilMs: this.#clock.nowMs() + secondStepMs });
  }

  /** Gives the account whose second step is owed on a device, or null. */
  owed(deviceId: DeviceId): number | null {
    const step = this.#owed.get(deviceId);
    return step !== undefined && step.untilMs >= this.#clock.nowMs() ? step.accountId : null;
  }

  /** Ends the second steps of an account on every device. */
  endAll(accountId: number): void {
    for (const [deviceId, step] of this.#owed) if (step.accountId === accountId) this.#owed.delete(deviceId);
  }

  /** Ends a second step, taken or given up. */
  end(deviceId: DeviceId): void {
    this.#owed.delete(deviceId);
  }
}
