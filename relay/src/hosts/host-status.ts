/**
 * What the relay can tell about a host: its state in the protocol's words, and figures for its operator.
 * Not for changing anything. Place in the flow: listHosts, getHostStatus, status pages, admin.
 * Source: lexicon com.atproto.sync.defs#hostStatus; figures are ours.
 */
import type { DropReason } from '@dunlin/protocol/repo/drop-reason';

/** active: connected. idle: known, not connected by our choice. offline: does not answer. throttled: over its limits. */
export type HostState = 'active' | 'idle' | 'offline' | 'throttled' | 'banned';

/** A host as it is now. */
export interface HostStatus {
  readonly hostname: string;
  readonly state: HostState;
  /** Its stream up to here is decided and durable. */
  readonly cursor: number;
  /** The newest event of its stream that was received. */
  readonly seenSeq: number;
  readonly accounts: number;
  readonly accountLimit: number;
  readonly acceptedEvents: number;
  readonly droppedEvents: Readonly<Partial<Record<DropReason, number>>>;
  /** What went wrong last, in words; null when nothing did since the start. */
  readonly lastFault: { readonly text: string; readonly atMs: number } | null;
  readonly lastEventAtMs: number | null;
  /** How often it began a new numbering, as after a restore from a backup. */
  readonly resets: number;
}
