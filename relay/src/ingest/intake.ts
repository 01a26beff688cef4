/**
 * Takes frames of hosts in: steps 1 to 3 of the verdict order, then into the pipeline; counts what becomes of them.
 * Not for sockets (hosts/host-connection.ts) nor for what depends on state (pipeline.ts).
 * Place in the flow: between hops 5 and 6. Kinds that are not known, or no longer used, are counted and passed by; the
 * connection stays.
 * Source: ours, docs/wire.md; event-stream specification.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import { ProtocolError } from '@dunlin/protocol/base/errors';
import { maxFrameBytes, maxNoticeFrameBytes } from '@dunlin/protocol/base/limits';
import type { DropReason } from '@dunlin/protocol/repo/drop-reason';
import { scanFrame } from '@dunlin/protocol/stream/frame-scan';
import type { FrameScan } from '@dunlin/protocol/stream/frame-scan';
import { lengthWithSeq } from '@dunlin/protocol/stream/replace-seq';
import type { LoggedKind } from '../log/record.ts';
import type { Budget } from './budget.ts';
import { checkFields } from './fields.ts';
import type { Hold } from './hold.ts';
import type { IngestMetrics } from './ingest-metrics.ts';
import { itemOverheadBytes } from './lane.ts';
import type { Item } from './lane.ts';
import type { Upstream } from './upstream.ts';

/** What it works with. */
export interface IntakeParts {
  readonly budget: Budget;
  readonly hold: Hold;
  readonly clock: Clock;
  readonly metrics: IngestMetrics;
  /** Takes an event that is well-formed. */
  readonly push: (item: Item) => void;
}

const kinds: ReadonlyMap<string, LoggedKind> = new Map([['#commit', 'commit'], ['#sync', 'sync'], ['#identity', 'identity'], ['#account', 'account']]);
const maxSeq = Number.MAX_SAFE_INTEGER;
const formerKinds: ReadonlySet<string> = new Set(['#handle', '#migrate', '#tombstone']);

/** The door of ingest. */
export class Intake {
  /** Events since the start. */
  readonly counts = { received: 0, accepted: 0, dropped: 0 };
  readonly #parts: IntakeParts;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  /** Takes one frame. False means: read no more from this host until it is told to resume. */
  take(upstream: Upstream, bytes: Buffer): boolean {
    const { metrics, budget } = this.#parts;
    metrics.receivedBytes.inc(bytes.length);
    const scan = this.#scan(upstream, bytes);
    if (scan === null) return true;
    const kind = kinds.get(scan.t);
    if (kind === undefined) return this.#passBy(upstream, scan);
    metrics.received[kind].inc();
    this.counts.received += 1;
    // What we pass on has a longer seq, and must still be a frame that everybody takes.
    if (lengthWithSeq(bytes, scan, maxSeq) > (kind === 'commit' ? maxFrameBytes : maxNoticeFrameBytes)) return this.#dropEarly(upstream, 'frameTooBig', `frame too big with our seq: kind=${kind} bytes=${bytes.length}`);
    const open = upstream.begin(scan.seq, scan.time);
    if (open === null) return this.#dropEarly(upstream, 'seqNotIncreasing', `seq not above the one before: got=${scan.seq}`);
    const fault = checkFields(kind, scan, bytes);
    if (fault !== null) {
      upstream.settle(open);
      return this.#dropEarly(upstream, fault.reason, fault.detail);
    }
    const cost = bytes.length + itemOverheadBytes;
    budget.charge(upstream, cost);
    this.#parts.push({
      kind, upstream, open, bytes, cost, scan, did: scan.did ?? '', receivedAtMs: this.#parts.clock.elapsedMs(),
      key: null, verdict: null, lane: null, isRefreshed: false, isStatusAsked: false, isHeld: false, row: -1, breaks: false,
    });
    // Asked now and not when charging: what was dropped at once has given its room back already.
    return budget.hasRoom(upstream);
  }

  /** Hears that an event was dropped by the pipeline. */
  dropped(item: Item, reason: DropReason, detail: string): void {
    this.#parts.hold.finish(item);
    item.upstream.settle(item.open);
    this.#dropEarly(item.upstream, reason, detail);
  }

  /** Hears of something that a host sent and that is no event to be taken: counts it as dropped. */
  refuse(upstream: Upstream, reason: DropReason, detail: string): void {
    this.#dropEarly(upstream, reason, detail);
  }

  /** Hears that an accepted event is durable. */
  durable(item: Item): void {
    const { metrics, clock, hold } = this.#parts;
    hold.finish(item);
    item.upstream.settle(item.open);
    item.upstream.accepted();
    metrics.accepted[item.kind].inc();
    if (item.upstream.relay > 0) metrics.relayed.inc();
    this.counts.accepted += 1;
    metrics.latency.observe((clock.elapsedMs() - item.receivedAtMs) / 1000);
  }

  #scan(upstream: Upstream, bytes: Buffer): FrameScan | null {
    try {
      return scanFrame(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#dropEarly(upstream, error.code === 'FrameTooBig' ? 'frameTooBig' : 'badFrame', error.message);
      return null;
    }
  }

  #passBy(upstream: Upstream, scan: FrameScan): boolean {
    const kind = scan.op === -1 ? 'error' : scan.t === '#info' ? 'info' : formerKinds.has(scan.t) ? 'former' : 'unknown';
    this.#parts.metrics.ignored.inc({ kind });
    if (kind === 'info') upstream.info(scan.name ?? '');
    return true;
  }

  #dropEarly(upstream: Upstream, reason: DropReason, detail: string): true {
    this.#parts.metrics.dropped.inc({ reason });
    if (reason !== 'duplicate') this.counts.dropped += 1;
    upstream.dropped(reason, detail);
    return true;
  }
}
