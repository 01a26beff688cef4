/**
 * The counters of ingest, as the pipeline counts on them; metrics.ts declares them.
 * Not for figures of one host: those stand with its connection, since a hostname is no label.
 * Source: ours.
 */
import type { CounterChild, Counter, Histogram } from '@dunlin/service/metrics/registry';
import type { LoggedKind } from '../log/record.ts';
import type { StatusAnswer } from './reactivation.ts';

/** What ingest counts. */
export interface IngestMetrics {
  readonly received: Readonly<Record<LoggedKind, CounterChild>>;
  readonly receivedBytes: CounterChild;
  readonly accepted: Readonly<Record<LoggedKind, CounterChild>>;
  /** Accepted, and heard first through another relay. */
  readonly relayed: CounterChild;
  /** By reason, see protocol/repo/drop-reason. */
  readonly dropped: Counter<'reason'>;
  /** Passed on although since or prevData did not follow the last commit; by which of the two. */
  readonly discontinuous: Counter<'field'>;
  /** Kinds not known or no longer used, by whether they once were. */
  readonly ignored: Counter<'kind'>;
  /** DIDs looked up for an event, by cause. */
  /** Hosts asked whether an account is active after all. */
  readonly statusChecks: Readonly<Record<StatusAnswer, CounterChild>>;
  readonly lookups: Counter<'cause'>;
  /** How often an account's events began to be held because its DID could not be resolved. */
  readonly heldLanes: CounterChild;
  /** From a frame's arrival until it is durable, in seconds. */
  readonly latency: Histogram;
}
