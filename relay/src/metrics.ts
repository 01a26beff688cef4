/**
 * Every metric of the relay but those that come with its parts (HTTP, outbox, process).
 * Labels are closed sets: kinds, drop reasons, causes; never a host, an account or an address.
 * Source: ours.
 */
import type { CounterChild, Metrics } from '@dunlin/service/metrics/registry';
import type { HostMetrics } from './hosts/host-metrics.ts';
import type { IngestMetrics } from './ingest/ingest-metrics.ts';
import type { LoggedKind } from './log/record.ts';

/** Figures that are read when somebody looks. */
export interface RelayGauges {
  readonly headSeq: () => number;
  readonly oldestSeq: () => number;
  readonly logBytes: () => number;
  readonly pendingBytes: () => number;
  readonly accounts: () => number;
  readonly accountBytes: () => number;
  readonly hosts: () => number;
  readonly activeHosts: () => number;
  readonly intakeBytes: () => number;
  readonly heldBytes: () => number;
  readonly pausedHosts: () => number;
  readonly lanes: () => number;
}

/** Declares the counters of hosts. */
export function declareHostMetrics(metrics: Metrics): HostMetrics {
  return {
    newNumberings: metrics.counter({ name: 'host_numberings_reset_total', help: 'Times a host began a new numbering of its events.' }).child(),
    textFrames: metrics.counter({ name: 'host_text_frames_ignored_total', help: 'Text messages of hosts, which send binary ones.' }).child(),
  };
}

/** Declares the counters of ingest. */
export function declareIngestMetrics(metrics: Metrics): IngestMetrics {
  const received = metrics.counter({ name: 'events_received_total', help: 'Events received from hosts, by kind.', labels: ['kind'] });
  const accepted = metrics.counter({ name: 'events_accepted_total', help: 'Events accepted and durable, by kind.', labels: ['kind'] });
  return {
    received: perKind((kind) => received.child({ kind })),
    accepted: perKind((kind) => accepted.child({ kind })),
    receivedBytes: metrics.counter({ name: 'received_bytes', help: 'Bytes of frames received from hosts.' }).child(),
    dropped: metrics.counter({ name: 'events_dropped_total', help: 'Events not passed on, by reason; see docs/wire.md.', labels: ['reason'] }),
    discontinuous: metrics.counter({ name: 'commits_discontinuous_total', help: 'Commits passed on that do not follow the last one, by the field that tells.', labels: ['field'] }),
    ignored: metrics.counter({ name: 'frames_ignored_total', help: 'Frames of kinds that are not passed on.', labels: ['kind'] }),
    lookups: metrics.counter({ name: 'identity_lookups_total', help: 'DIDs looked up for an event, by cause.', labels: ['cause'] }),
    heldLanes: metrics.counter({ name: 'accounts_held_total', help: 'Times an account was held back because its DID could not be resolved.' }).child(),
    latency: metrics.histogram({ name: 'event_durable_seconds', help: 'From the arrival of a frame until it is durable.', buckets: [0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.5, 2, 10] }),
  };
}

/** Declares the gauges. */
export function declareGauges(metrics: Metrics, read: RelayGauges): void {
  metrics.gauge({ name: 'log_head_seq', help: 'Seq of the newest durable event.', read: read.headSeq });
  metrics.gauge({ name: 'log_oldest_seq', help: 'Seq of the oldest event in the replay window.', read: read.oldestSeq });
  metrics.gauge({ name: 'log_bytes', help: 'Disk used by the log.', read: read.logBytes });
  metrics.gauge({ name: 'log_pending_bytes', help: 'Bytes appended and not yet durable.', read: read.pendingBytes });
  metrics.gauge({ name: 'accounts', help: 'Accounts known.', read: read.accounts });
  metrics.gauge({ name: 'accounts_bytes', help: 'Memory of the account table.', read: read.accountBytes });
  metrics.gauge({ name: 'hosts', help: 'Hosts listened to.', read: read.hosts });
  metrics.gauge({ name: 'hosts_active', help: 'Hosts connected now.', read: read.activeHosts });
  metrics.gauge({ name: 'intake_bytes', help: 'Bytes of events on their way to the log.', read: read.intakeBytes });
  metrics.gauge({ name: 'hosts_paused', help: 'Hosts not read because the relay has no room for more.', read: read.pausedHosts });
  metrics.gauge({ name: 'held_bytes', help: 'Bytes of events held back because their DID cannot be resolved.', read: read.heldBytes });
  metrics.gauge({ name: 'lanes', help: 'Accounts with events on their way.', read: read.lanes });
}

function perKind(make: (kind: LoggedKind) => CounterChild): Record<LoggedKind, CounterChild> {
  return { commit: make('commit'), sync: make('sync'), identity: make('identity'), account: make('account') };
}
