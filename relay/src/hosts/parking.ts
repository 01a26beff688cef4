/**
 * Hangs up on hosts that have been quiet for long, and looks again now and then; so thousands of idle hosts hold no socket.
 * Not for hosts that do not answer: dialling them again is the Subscription's. Place in the flow: beside hop 5.
 * A parked host is dialled at once when it requests a crawl, as hosts do when they have something new; else after a while,
 * each at its own time. Its cursor stays, so what it sent meanwhile comes then.
 * Source: ours, docs/operations.md "Quiet hosts".
 */
import type { Clock, Timer } from '@dunlin/protocol/base/clock';

/** A connection as parking sees it. */
export interface Parkable {
  /** Since when nothing came, on the monotonic clock; null while it is not open, or not read. */
  readonly quietSinceMs: number | null;
  readonly isParked: boolean;
  /** Says whether a frame came after that moment. */
  hasSpokenSince(elapsedMs: number): boolean;
  park(): void;
  connect(): void;
}

/** How it is done. */
export interface ParkingParts {
  readonly clock: Clock;
  readonly random: () => number;
  /** A host is parked when it has been quiet so long; 0: never. */
  readonly afterMs: number;
  /** A parked host is looked at again after half to one and a half times as long. */
  readonly recheckMs: number;
  readonly connections: () => Iterable<Parkable>;
}

const maxSweepMs = 30_000;
const minSweepMs = 20;
/** A host that was only looked at is parked again when it is quiet for so long. */
const lookMs = 120_000;

/** Parks hosts. */
export class Parking {
  readonly #parts: ParkingParts;
  readonly #timer: Timer | null;
  /** When each parked host is looked at. */
  #wakeAtMs = new Map<Parkable, number>();
  /** Hosts that were dialled only to look, and when. */
  readonly #lookedAtMs = new WeakMap<Parkable, number>();

  constructor(parts: ParkingParts) {
    this.#parts = parts;
    const everyMs = Math.min(maxSweepMs, Math.max(minSweepMs, parts.afterMs / 4));
    this.#timer = parts.afterMs === 0 ? null : parts.clock.every(everyMs, () => this.sweep(), { unref: true });
  }

  /** Hosts that are parked now, as of the last sweep. */
  get size(): number {
    return this.#wakeAtMs.size;
  }

  /** Parks who is quiet, wakes whose time has come. */
  sweep(): void {
    const nowMs = this.#parts.clock.elapsedMs();
    const wakeAtMs = new Map<Parkable, number>();
    for (const connection of this.#parts.connections()) {
      const wake = this.#wakeAtMs.get(connection);
      if (connection.isParked && wake !== undefined) {
        if (nowMs < wake) {
          wakeAtMs.set(connection, wake);
          continue;
        }
        this.#lookedAtMs.set(connection, nowMs);
        connection.connect();
      } else if (this.#isQuiet(connection, nowMs)) {
        connection.park();
        wakeAtMs.set(connection, nowMs + this.#parts.recheckMs * (0.5 + this.#parts.random()));
      }
    }
    // Made anew each time: connections that are no longer there are forgotten with it.
    this.#wakeAtMs = wakeAtMs;
  }

  close(): void {
    this.#timer?.cancel();
  }

  #isQuiet(connection: Parkable, nowMs: number): boolean {
    const { quietSinceMs } = connection;
    if (quietSinceMs === null) return false;
    const { afterMs } = this.#parts;
    const lookedAtMs = this.#lookedAtMs.get(connection);
    // After a look the stream opens within seconds; a frame that comes later makes the host a normal one again.
    const isLook = lookedAtMs !== undefined && !connection.hasSpokenSince(lookedAtMs);
    return nowMs - quietSinceMs >= (isLook ? Math.min(afterMs, lookMs) : afterMs);
  }
}
