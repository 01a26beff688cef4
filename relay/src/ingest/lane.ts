/**
 * The events of one account that are on their way, in order; only the first one is ever decided.
 * Not for deciding (pipeline.ts), nor for which lane an event goes into (lanes.ts).
 * Place in the flow: hop 6; a lane exists while something is on its way.
 * Later events may be with the verify worker already while the first one waits, but their verdicts wait their turn.
 * Source: ours, docs/invariants.md 4: order per DID is kept at every hop.
 */
import type { FrameScan } from '@dunlin/protocol/stream/frame-scan';
import type { AccountKey } from '../accounts/account-row.ts';
import type { OpenEvent } from '../hosts/cursor-tracker.ts';
import type { DidHash } from '../log/did-hash.ts';
import type { LoggedKind } from '../log/record.ts';
import type { Upstream } from './upstream.ts';
import type { VerifyVerdict } from './verify-batch.ts';

/** What an event costs beside its frame, in bytes: the objects around it, reckoned generously. */
export const itemOverheadBytes = 1_024;

/** One event on its way. */
export interface Item {
  readonly kind: LoggedKind;
  readonly upstream: Upstream;
  readonly open: OpenEvent;
  bytes: Buffer;
  /** What it is charged with: its frame and the objects around it, in bytes. */
  readonly cost: number;
  readonly scan: FrameScan;
  readonly did: string;
  readonly receivedAtMs: number;
  /** The key it was handed to a worker with; null before. */
  key: AccountKey | null;
  verdict: VerifyVerdict | null;
  /** Where it is; null before it is in one. */
  lane: Lane | null;
  /** The DID was looked up anew for this event; once is enough. */
  isRefreshed: boolean;
  /** Its host was asked whether the account is active; once is enough. */
  isStatusAsked: boolean;
  /** Charged as held back, not as on its way. */
  isHeld: boolean;
  /** Row of its account and what it breaks with, see durable-event.ts; set when it is accepted. */
  row: number;
  breaks: boolean;
}

/** How long and how often a lane has been held. */
export interface HeldSince {
  /** Monotonic. */
  readonly sinceMs: number;
  tries: number;
  bytes: number;
}

/** The lane of one account. */
export class Lane {
  /** Names it among all lanes. */
  readonly key: string;
  readonly did: string;
  readonly hash: DidHash;
  readonly items: Item[] = [];
  /** The host whose events go into it beside those of relays; 0 while there are none. */
  hostId = 0;
  /** Something asynchronous goes on for the first item; what comes meanwhile waits. */
  isBusy = false;
  /** Set while the DID cannot be resolved: since when, and how often it was tried. */
  held: HeldSince | null = null;

  constructor(key: string, did: string, hash: DidHash) {
    this.key = key;
    this.did = did;
    this.hash = hash;
  }
}
