/**
 * What the pipeline needs to know of the host an event came from, and what it tells that host's connection.
 * Not for the connection itself: hosts/host-connection.ts is one.
 * Place in the flow: hops 5 to 7. Source: ours.
 */
import type { OpenEvent } from '../hosts/cursor-tracker.ts';
import type { Pausable } from './budget.ts';
import type { DropReason } from '@dunlin/protocol/repo/drop-reason';

/** A host as the pipeline sees it. */
export interface Upstream extends Pausable {
  /** Our number of the host, from 1. */
  readonly id: number;
  /** Compared with the PDS endpoint of DID documents. */
  readonly origin: string;
  /** Its number among the relays we listen to, which speak of accounts of any host; 0 for a host, which speaks of its own. */
  readonly relay: number;
  /** Everything up to here is decided and durable. */
  readonly cursor: number;
  /** Takes in an event by its seq; null when that is not above the one before on this connection. `time` is the event's own. */
  begin(seq: number, time: string | null): OpenEvent | null;
  /** Ends an event: dropped, or accepted and durable. */
  settle(event: OpenEvent): void;
  /** Counts a drop, and keeps its detail for the host's operator to see. */
  dropped(reason: DropReason, detail: string): void;
  accepted(): void;
  /** Hears an #info of the host about its stream, such as OutdatedCursor. */
  info(name: string): void;
}
