/**
 * What the relay can tell about a host: its state in the protocol's words, and figures for its operator.
 * Not for changing anything. Place in the flow: listHosts, getHostStatus, status pages, admin.
 * Source: lexicon com.atproto.sync.defs#hostStatus; figures are ours.
 */
import type { DropReason } from '@dunlin/protocol/repo/drop-reason';
import type { HostFault } from './host-figures.ts';
import type { HostLimits } from './host-limits.ts';

/** active: connected. idle: known, not connected by our choice. offline: does not answer. throttled: over its limits. */
export type HostState = 'active' | 'idle' | 'offline' | 'throttled' | 'banned';

/** A host as it is now. */
export interface HostStatus {
  readonly hostname: string;
  /** pds: a host of accounts. relay: another relay, which tells of the accounts of many hosts. */
  readonly kind: 'pds' | 'relay';
  /** False for a host that is known from DID documents only: what it has to say comes through other relays. */
  readonly isHeard: boolean;
  readonly state: HostState;
  /** Its stream up to here is decided and durable. */
  readonly cursor: number;
  /** The newest event of its stream that was received. */
  readonly seenSeq: number;
  readonly accounts: number;
  readonly accountLimit: number;
  readonly acceptedEvents: number;
  /** Events that had come from somebody else already, when other relays are listened to. */
  readonly duplicateEvents: number;
  readonly droppedEvents: Readonly<Partial<Record<DropReason, number>>>;
  /** What went wrong last, in words; null when nothing did since the start. */
  readonly lastFault: HostFault | null;
  readonly lastEventAtMs: number | null;
  /** How old its newest event was when it came, by the event's own time. */
  readonly lagMs: number | null;
  /** When its stream was opened last; null when it was not since the start. */
  readonly connectedAtMs: number | null;
  /** Events per span of time, and how many more it may send now; null when it is not listened to. */
  readonly rates: { readonly limits: HostLimits; readonly left: HostLimits } | null;
  /** Has the limits of large hosts. */
  readonly isTrusted: boolean;
  /** Its socket is not read for the moment: it is over its rate, or the relay has no room. */
  readonly pause: 'rate' | 'room' | null;
  /** How often it began a new numbering, as after a restore from a backup. */
  readonly resets: number;
}
