/**
 * Every metric of the relay but those that come with its parts (HTTP, outbox, process).
 * Labels are closed sets: kinds, drop reasons, causes; never a host, an account or an address.
 * Source: ours.
 */
import type { CounterChild, Metrics } from '@dunlin/service/metrics/registry';
import type { CollectionMetrics } from './collections/collection-metrics.ts';
import type { Certainty } from './collections/standings.ts';
import type { HostMetrics } from './hosts/host-metrics.ts';
import type { WalkMetrics } from './hosts/host-walk.ts';
import type { IngestMetrics } from './ingest/ingest-metrics.ts';
import type { Introduced } from './ingest/introduction.ts';
import type { LoggedKind } from './log/record.ts';

const latencyBuckets = [0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.5, 2, 10];

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
  readonly parkedHosts: () => number;
  readonly upstreamRelays: () => number;
  readonly intakeBytes: () => number;
  readonly heldBytes: () => number;
  readonly pausedHosts: () => number;
  readonly lanes: () => number;
  readonly freeBytes: () => number;
  readonly hasRoom: () => boolean;
}

/** Declares the counters of hosts. */
export function declareHostMetrics(metrics: Metrics): HostMetrics {
  return {
    newNumberings: metrics.counter({ name: 'host_numberings_reset_total', help: 'Times a host began a new numbering of its events.' }).child(),
    textFrames: metrics.counter({ name: 'host_text_frames_ignored_total', help: 'Text messages of hosts, which send binary ones.' }).child(),
  };
}

/** Figures of the collection index that are read when somebody looks. */
export interface CollectionGauges {
  readonly collections: () => number;
  readonly bytes: () => number;
  readonly refused: () => number;
  readonly queued: () => number;
  readonly accounts: () => Readonly<Record<Certainty, number>>;
  readonly proven: () => number;
}

/** Declares the metrics of the collection index. */
export function declareCollectionMetrics(metrics: Metrics, read: CollectionGauges): CollectionMetrics {
  metrics.gauge({ name: 'collections', help: 'Collections with a name in the index.', read: read.collections });
  metrics.gauge({ name: 'collections_cache_bytes', help: 'Memory of the collection index.', read: read.bytes });
  metrics.gauge({ name: 'collections_refused', help: 'Times an account was not put into a collection because of a bound, since the start.', read: read.refused });
  metrics.gauge({ name: 'collections_checks_queued', help: 'Accounts found that wait until their host is asked.', read: read.queued });
  metrics.gauge({ name: 'collections_accounts_exact', help: 'Accounts whose collections are known exactly.', read: () => read.accounts().exact });
  metrics.gauge({ name: 'collections_accounts_unknown', help: 'Accounts of which only what single commits told is known.', read: () => read.accounts().unknown });
  metrics.gauge({ name: 'collections_accounts_doubtful', help: 'Accounts of which something was missed since they were known exactly.', read: () => read.accounts().doubtful });
  metrics.gauge({ name: 'collections_accounts_away', help: 'Accounts whose host gave no answer about their repository.', read: () => read.accounts().away });
  metrics.gauge({ name: 'collections_accounts_proven', help: 'Accounts known exactly by proof, not by the word of their host.', read: read.proven });
  const proved = metrics.counter({ name: 'collections_proofs_total', help: 'Times a host was asked to prove what it said, by what came of it.', labels: ['result'] });
  const proof = (result: keyof CollectionMetrics['proved']): CounterChild => proved.child({ result });
  const checked = metrics.counter({ name: 'collections_checks_total', help: 'Times a host was asked about an account, by what came of it.', labels: ['result'] });
  return {
    checked: { told: checked.child({ result: 'told' }), away: checked.child({ result: 'away' }), failed: checked.child({ result: 'failed' }) },
    proved: { proven: proof('proven'), corrected: proof('corrected'), unprovable: proof('unprovable'), failed: proof('failed') },
  };
}

/** Declares the counters of walking through hosts' lists. */
export function declareWalkMetrics(metrics: Metrics, walking: () => number): WalkMetrics {
  metrics.gauge({ name: 'walks', help: 'Hosts whose lists of repositories are gone through just now.', read: walking });
  const listed = metrics.counter({ name: 'walk_accounts_total', help: 'Accounts that hosts list, by what became of them.', labels: ['result'] });
  const of = (result: Introduced): CounterChild => listed.child({ result });
  return {
    listed: { added: of('added'), known: of('known'), foreign: of('foreign'), full: of('full'), later: of('later') },
    failed: metrics.counter({ name: 'walk_pages_failed_total', help: 'Pages of such lists that did not come.' }).child(),
  };
}

/** Declares the counters of ingest. */
export function declareIngestMetrics(metrics: Metrics): IngestMetrics {
  const received = metrics.counter({ name: 'events_received_total', help: 'Events received from hosts, by kind.', labels: ['kind'] });
  const checked = metrics.counter({ name: 'account_status_checks_total', help: 'Hosts asked about an account that sent events while not active, by what they said.', labels: ['result'] });
  const accepted = metrics.counter({ name: 'events_accepted_total', help: 'Events accepted and durable, by kind.', labels: ['kind'] });
  return {
    received: perKind((kind) => received.child({ kind })),
    accepted: perKind((kind) => accepted.child({ kind })),
    relayed: metrics.counter({ name: 'events_relayed_total', help: 'Events accepted and durable that were heard first through another relay.' }).child(),
    receivedBytes: metrics.counter({ name: 'received_bytes', help: 'Bytes of frames received from hosts.' }).child(),
    dropped: metrics.counter({ name: 'events_dropped_total', help: 'Events not passed on, by reason; see docs/wire.md.', labels: ['reason'] }),
    discontinuous: metrics.counter({ name: 'commits_discontinuous_total', help: 'Commits passed on that do not follow the last one, by the field that tells.', labels: ['field'] }),
    ignored: metrics.counter({ name: 'frames_ignored_total', help: 'Frames of kinds that are not passed on.', labels: ['kind'] }),
    statusChecks: { active: checked.child({ result: 'active' }), inactive: checked.child({ result: 'inactive' }), failed: checked.child({ result: 'failed' }) },
    lookups: metrics.counter({ name: 'identity_lookups_total', help: 'DIDs looked up for an event, by cause.', labels: ['cause'] }),
    heldLanes: metrics.counter({ name: 'accounts_held_total', help: 'Times an account was held back because its DID could not be resolved.' }).child(),
    latency: metrics.histogram({ name: 'event_durable_seconds', help: 'From the arrival of a frame until it is durable.', buckets: latencyBuckets }),
  };
}

/** Declares what is measured of the log's writing; gives what hears how long a group took, in ms. */
export function declareLogMetrics(metrics: Metrics): (ms: number) => void {
  const written = metrics.histogram({ name: 'log_write_seconds', help: 'From the beginning of a group commit until it is durable.', buckets: latencyBuckets });
  return (ms) => written.observe(ms / 1000);
}

/** Declares what is counted of requests to the admin API; gives what counts one that was turned away. */
export function declareAdminMetrics(metrics: Metrics): () => void {
  const refused = metrics.counter({ name: 'admin_requests_refused_total', help: 'Requests to the admin API without the right password, or locked out.' });
  return () => refused.inc();
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
  metrics.gauge({ name: 'hosts_parked', help: 'Hosts hung up on because they are quiet.', read: read.parkedHosts });
  metrics.gauge({ name: 'upstream_relays', help: 'Other relays listened to.', read: read.upstreamRelays });
  metrics.gauge({ name: 'intake_bytes', help: 'Bytes of events on their way to the log.', read: read.intakeBytes });
  metrics.gauge({ name: 'hosts_paused', help: 'Hosts not read because the relay has no room for more.', read: read.pausedHosts });
  metrics.gauge({ name: 'held_bytes', help: 'Bytes of events held back because their DID cannot be resolved.', read: read.heldBytes });
  metrics.gauge({ name: 'disk_free_bytes', help: 'Free bytes on the disk of the log.', read: read.freeBytes });
  metrics.gauge({ name: 'disk_full', help: '1 while hosts are not read because the disk is full or nearly so.', read: () => Number(!read.hasRoom()) });
  metrics.gauge({ name: 'lanes', help: 'Accounts with events on their way.', read: read.lanes });
}

function perKind(make: (kind: LoggedKind) => CounterChild): Record<LoggedKind, CounterChild> {
  return { commit: make('commit'), sync: make('sync'), identity: make('identity'), account: make('account') };
}
