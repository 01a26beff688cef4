/**
 * An event that is durable in the log and part of the account state, for those who keep something of their own in step.
 * Not for consumers (the log serves them). Place in the flow: behind hop 7, in log order; for the log's tail once more at
 * start, where what cannot be told any more is said the careful way.
 * Source: ours.
 */
import type { FrameScan } from '@dunlin/protocol/stream/frame-scan';
import type { LoggedKind } from '../log/record.ts';

/** The event. */
export interface DurableEvent {
  readonly kind: LoggedKind;
  /** The account's row in the account table. */
  readonly row: number;
  /** Of the frame as the host sent it, but for the log's tail. */
  readonly scan: FrameScan;
  readonly bytes: Uint8Array;
  /**
   * #commit: it does not continue what was passed on before, or nothing was. #sync: it names another tree than was there.
   * #account: the account was not active before.
   */
  readonly breaks: boolean;
  /** Collections that a #commit emptied (see collections/gone.ts); left out when nobody has looked. */
  readonly gone?: readonly string[] | null;
}

/** Someone who follows. */
export interface EventFollower {
  durable(event: DurableEvent): void;
  /** Hears of an account whose own host sent something that was not passed on. */
  missed(row: number): void;
}
