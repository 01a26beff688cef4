/**
 * A host as the status pages tell of it: for the operator of that host, in words, and as JSON.
 * Not for our own operator (api/admin). Place in the flow: made when somebody looks.
 * Source: ours.
 */
import { dropReasons } from '@dunlin/protocol/repo/drop-reason';
import type { DropReason } from '@dunlin/protocol/repo/drop-reason';
import type { HostStatus } from '../hosts/host-status.ts';

/** What is told of a host. */
export interface HostView {
  readonly hostname: string;
  readonly kind: HostStatus['kind'];
  /** False when it is heard through other relays only. */
  readonly isHeard: boolean;
  readonly state: HostStatus['state'];
  readonly inWords: string;
  readonly accounts: number;
  readonly accountLimit: number;
  /** Of the host's own stream: decided up to here, received up to here. */
  readonly cursor: number;
  readonly seenSeq: number;
  readonly acceptedEvents: number;
  /** Events that had come from somebody else before. */
  readonly duplicateEvents: number;
  readonly droppedEvents: number;
  readonly drops: readonly { readonly reason: string; readonly meaning: string; readonly count: number }[];
  readonly lastError: { readonly text: string; readonly at: string } | null;
  readonly lastEventAt: string | null;
  readonly connectedAt: string | null;
  readonly lagMs: number | null;
  readonly rates: HostStatus['rates'];
  readonly isTrusted: boolean;
  readonly pause: HostStatus['pause'];
  readonly resets: number;
}

/** Gives what is told. */
export function hostView(status: HostStatus): HostView {
  const drops = (Object.entries(status.droppedEvents) as [DropReason, number][]).sort(([, a], [, b]) => b - a).map(([reason, count]) => ({ reason, meaning: dropReasons[reason], count }));
  return {
    hostname: status.hostname, kind: status.kind, isHeard: status.isHeard, state: status.state, inWords: inWords(status), accounts: status.accounts, accountLimit: status.accountLimit,
    cursor: status.cursor, seenSeq: status.seenSeq, acceptedEvents: status.acceptedEvents, duplicateEvents: status.duplicateEvents,
    droppedEvents: drops.reduce((sum, { count }) => sum + count, 0), drops,
    lastError: status.lastFault && { text: status.lastFault.text, at: isoOf(status.lastFault.atMs) },
    lastEventAt: status.lastEventAtMs === null ? null : isoOf(status.lastEventAtMs), connectedAt: status.connectedAtMs === null ? null : isoOf(status.connectedAtMs),
    lagMs: status.lagMs, rates: status.rates, isTrusted: status.isTrusted, pause: status.pause, resets: status.resets,
  };
}

function inWords({ kind, isHeard, state, pause, accounts, accountLimit }: HostStatus): string {
  const full = kind === 'pds' && accounts >= accountLimit ? ' It has as many accounts as it may have here: events of further accounts are not passed on. Ask the operator of this relay for a higher limit.' : '';
  switch (state) {
    case 'active':
      return `Connected: the relay reads its stream${kind === 'relay' ? ', which tells of the accounts of many hosts' : ''}.${pause === 'room' ? ' Reading rests for a moment, since the relay is busy; nothing is lost.' : ''}${full}`;
    case 'throttled':
      return `Connected, and over its rate: the relay reads on as soon as the rate allows. Nothing is lost.${full}`;
    case 'idle':
      if (!isHeard) return `Heard through other relays only; a host that requests a crawl here is listened to itself.${full}`;
      return `Known, and not connected just now; the relay dials again by itself, at once when the host requests a crawl.${full}`;
    case 'offline':
      return 'Does not answer. The relay tries again with growing pauses, at once when the host requests a crawl.';
    case 'banned':
      return 'Refused by the operator of this relay.';
  }
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}
