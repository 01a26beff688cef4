/**
 * What ingest allows accounts and hosts, as an operator may set it.
 * Not for bounds of the protocol (protocol/base/limits), nor for rates of hosts (hosts/host-limits.ts) and bytes
 * (budget.ts, hold.ts). Place in the flow: read once at the start. Source: ours.
 */
import type { DidLimit } from './did-limiter.ts';

/** The limits. */
export interface IngestLimits {
  /** Look-ups of one host's accounts at the same time. */
  readonly lookupsPerHost: number;
  /** #identity events of one account, and #account events: a burst, and how long until one more may come. */
  readonly notices: DidLimit;
  /** How long a signing key is believed without looking. */
  readonly keyMaxAgeSeconds: number;
}

/** Limits unless configured otherwise. */
export const defaultIngestLimits: IngestLimits = { lookupsPerHost: 32, notices: { burst: 20, everyMs: 600_000 }, keyMaxAgeSeconds: 86_400 };
