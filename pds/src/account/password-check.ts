/**
 * Compares passwords so that nobody learns from the time it takes whether an account exists.
 * An unknown account costs the same scrypt as a wrong password, and every refusal takes at least a fixed time.
 * Hashing runs in Node's thread pool; how many run at once is bounded, and so is how many wait.
 * Source: ours; the fixed time is the reference PDS's.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { hashPassword, verifyPassword } from '@dunlin/protocol/crypto/password';
import { XrpcError } from '@dunlin/service/xrpc/errors';

/** Shortest time until a refusal, in ms. */
export const refusalFloorMs = 350;

/** Most hashes computed at once: half of Node's pool, so that file work goes on. */
export const maxHashesAtOnce = 2;

/** Most hashes that wait for their turn. */
export const maxHashesWaiting = 100;

/** Computes and compares password hashes. */
export class PasswordCheck {
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #decoy: Promise<string> | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Gives the hash to store. @throws ProtocolError InvalidPassword; XrpcError 503 when too many wait */
  hash(password: string): Promise<string> {
    return this.#inTurn(() => hashPassword(password));
  }

  /**
   * Tells whether the password is the stored one; `stored` null stands for an account that does not exist or has none.
   * A refusal comes no sooner than `refusalFloorMs`. @throws XrpcError 503 NotEnoughResources when too many wait
   */
  async matches(password: string, stored: string | null): Promise<boolean> {
    const startedMs = this.#clock.elapsedMs();
    const against = stored ?? (await this.#decoyHash());
    const isSame = await this.#inTurn(() => verifyPassword(password, against));
    if (isSame && stored !== null) return true;
    const leftMs = refusalFloorMs - (this.#clock.elapsedMs() - startedMs);
    if (leftMs > 0) await this.#clock.sleep(leftMs);
    return false;
  }

  #decoyHash(): Promise<string> {
    this.#decoy ??= this.hash('no account has this password');
    return this.#decoy;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running >= maxHashesAtOnce) {
      if (this.#waiting.length >= maxHashesWaiting) throw new XrpcError(503, 'NotEnoughResources', 'too many sign-ins at once, try again later');
      await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    }
    this.#running++;
    try {
      return await work();
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }
}
