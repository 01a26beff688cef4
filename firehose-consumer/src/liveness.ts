/**
 * The life of one connection: how long it may take to open, when it opened, whether it is still heard, what ended it.
 * Not for: deciding what happens afterwards (see subscription.ts) or touching a socket: it is told what to call.
 * Place in the flow: beside each WebSocket of a `Subscription`.
 * Source: ours. Servers of this protocol ping idle clients every 30 s or so, which counts as being heard.
 */
import type { Clock, Timer } from '@dunlin/protocol/base/clock';
import type { SubscriptionFault } from './subscription-fault.ts';

/** What a `Liveness` watches with and acts through. */
export interface LivenessOptions {
  clock: Clock;
  /** From the making of this object to `opened`. */
  handshakeTimeoutMs: number;
  /** Silence before a ping; as much again before the connection is cut. */
  idleMs: number;
  isPaused: () => boolean;
  ping: () => void;
  cut: () => void;
}

/** Watches one connection; `stop` must be called when it is over. */
export class Liveness {
  /** The first fault of this connection; later ones are its consequences. */
  fault: SubscriptionFault | null = null;
  /** Binary messages so far. */
  frames = 0;
  readonly #options: LivenessOptions;
  #openedAtMs: number | null = null;
  #timer: Timer;
  #isHeard = true;
  #isAsked = false;

  constructor(options: LivenessOptions) {
    this.#options = options;
    this.#timer = options.clock.after(options.handshakeTimeoutMs, () => {
      this.fault ??= { kind: 'connect', message: `handshake took too long: ${options.handshakeTimeoutMs} ms` };
      options.cut();
    });
  }

  get isOpened(): boolean {
    return this.#openedAtMs !== null;
  }

  /** How long the connection has been open, in ms; 0 when it never was. */
  livedMs(): number {
    return this.#openedAtMs === null ? 0 : this.#options.clock.elapsedMs() - this.#openedAtMs;
  }

  opened(): void {
    const { clock, idleMs } = this.#options;
    this.#timer.cancel();
    this.#openedAtMs = clock.elapsedMs();
    this.#timer = clock.every(idleMs, () => this.#check());
  }

  /** Something came: a message, a ping or a pong. */
  heard(): void {
    this.#isHeard = true;
  }

  stop(): void {
    this.#timer.cancel();
  }

  /** Every `idleMs`: heard → fine; not heard → ping; still nothing → cut. While paused nothing can be heard. */
  #check(): void {
    const { idleMs, isPaused, ping, cut } = this.#options;
    if (this.#isHeard || isPaused()) {
      this.#isHeard = isPaused();
      this.#isAsked = false;
    } else if (this.#isAsked) {
      this.fault ??= { kind: 'silence', silentMs: 2 * idleMs };
      cut();
    } else {
      this.#isAsked = true;
      ping();
    }
  }
}
