/**
 * Repositories that are coming in: one of an account, so many at once. A place is kept from others by who comes slowly only for a while:
 * then the slowest gives way to whoever is turned away for it. Not for those that are here whole and wait to be put in place.
 * Source: ours, docs/decisions/0030-a-least-pace.md.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { Interruption } from '@dunlin/service/lifecycle/interruption';
import { invalidRequest, XrpcError } from '@dunlin/service/xrpc/errors';

/** Most imports whose bytes are coming, or that wait in line: as slowly as their lines allow, while nobody else wants a place. */
export const maxImportsAtOnce = 6;

/** How long a repository may come before it can have to give way, in ms. */
export const longAfterMs = 300_000;

/** A repository that is coming, and then here. */
export class Arrival {
  readonly #beganMs: number;
  readonly #leave: () => void;
  readonly #turnAway = new Interruption();
  #bytes = 0;
  #isComing = true;

  constructor(nowMs: number, leave: () => void) {
    this.#beganMs = nowMs;
    this.#leave = leave;
  }

  /** Gives the bytes as they come, until it has to give way. @throws what the source throws; XrpcError 503 NotEnoughResources */
  async *take(car: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    const chunks = car[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await this.#turnAway.wait(chunks.next());
        if (next.done === true) break;
        this.#bytes += next.value.length;
        yield next.value;
      }
      this.#isComing = false;
    } finally {
      void chunks.return?.().catch(() => undefined);
    }
  }

  /** Gives how fast it comes, in bytes a ms; null when it is here, or has not come for long. */
  slowness(nowMs: number): number | null {
    const ms = nowMs - this.#beganMs;
    return this.#isComing && ms >= longAfterMs ? this.#bytes / ms : null;
  }

  /** Ends its coming. */
  giveWay(): void {
    this.#leave();
    this.#turnAway.interrupt(new XrpcError(503, 'NotEnoughResources', 'others wait, and this repository came more slowly than theirs: try again later'));
  }

  /** Gives its place back. */
  leave(): void {
    this.#leave();
  }
}

/** The places. */
export class Arrivals {
  readonly #clock: Clock;
  readonly #open = new Map<number, Arrival>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes a place, which must be left. @throws XrpcError 400 when one of the account is coming already, 503 NotEnoughResources when too many are */
  enter(accountId: number): Arrival {
    if (this.#open.has(accountId)) throw invalidRequest('a repository is being imported for this account already');
    if (this.#open.size >= maxImportsAtOnce) this.#makePlace();
    const arrival: Arrival = new Arrival(this.#clock.elapsedMs(), () => {
      if (this.#open.get(accountId) === arrival) this.#open.delete(accountId);
    });
    this.#open.set(accountId, arrival);
    return arrival;
  }

  #makePlace(): void {
    const nowMs = this.#clock.elapsedMs();
    const slow = [...this.#open.values()].flatMap((arrival) => {
      const pace = arrival.slowness(nowMs);
      return pace === null ? [] : [{ arrival, pace }];
    });
    const [slowest] = slow.sort((a, b) => a.pace - b.pace);
    if (slowest === undefined) throw new XrpcError(503, 'NotEnoughResources', 'too many imports at once, try again later');
    slowest.arrival.giveWay();
  }
}
