/**
 * Compares passwords so that nobody learns from the time it takes whether an account exists.
 * An unknown account costs the same scrypt as a wrong password, and every refusal takes at least a fixed time.
 * Hashing runs in Node's thread pool; how many run at once is bounded, and so is how many wait.
 * Source: ours; the fixed time is the reference PDS's.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { hashPassword, verifyPassword } from '@dunlin/protocol/crypto/password';
import { Line } from '@dunlin/service/lifecycle/line';
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
  readonly #line = new Line(maxHashesAtOnce);
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  #decoy: Promise<string> | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Gives the hash to store, with a new salt or the given one. @throws ProtocolError InvalidPassword; XrpcError 503 when too many wait */
  hash(password: string, salt?: string): Promise<string> {
    return this.#inTurn(() => hashPassword(password, salt));
  }

  /**
   * Tells whether the password is the stored one; `stored` null stands for an account that does not exist or has none.
   * A refusal comes no sooner than `refusalFloorMs`. @throws XrpcError 503 NotEnoughResources when too many wait
   */
  async matches(password: string, stored: string | null): Promise<boolean> {
    const startedMs = this.#clock.elapsedMs();
    if (await this.compare(password, stored)) return true;
    await this.holdRefusal(startedMs);
    return false;
  }

  /** Compares as `matches` does, but answers a refusal at once: for those who have another thing to compare with before they refuse. */
  async compare(password: string, stored: string | null): Promise<boolean> {
    const against = stored ?? (await this.#decoyHash());
    const isSame = await this.#inTurn(() => verifyPassword(password, against));
    return isSame && stored !== null;
  }

  /** Waits until a refusal of something begun at `startedMs` (of the clock's elapsed time) may be told. */
  async holdRefusal(startedMs: number): Promise<void> {
    const leftMs = refusalFloorMs - (this.#clock.elapsedMs() - startedMs);
    if (leftMs > 0) await this.#clock.sleep(leftMs);
  }

  /** Sends away who waits, and resolves when nothing is computed any more. */
  async close(): Promise<void> {
    this.#closing.abort(new XrpcError(503, 'NotEnoughResources', 'server is stopping'));
    await Promise.allSettled(this.#running);
  }

  #decoyHash(): Promise<string> {
    // One that could not be made for want of places is made with the next question.
    this.#decoy ??= this.hash('no account has this password').catch((fault: unknown) => {
      this.#decoy = null;
      throw fault;
    });
    return this.#decoy;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#line.waiting >= maxHashesWaiting) throw new XrpcError(503, 'NotEnoughResources', 'too many sign-ins at once, try again later');
    const running = this.#line.run(work, this.#closing.signal).finally(() => this.#running.delete(running));
    this.#running.add(running);
    return await running;
  }
}
