/**
 * What the pipeline is made of: state, questions to the network, workers, and who hears of its verdicts.
 * Not for what it does with them (pipeline.ts). Place in the flow: hop 6, put together in wiring/ingest.ts.
 * Source: ours.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { DropReason } from '@dunlin/protocol/repo/drop-reason';
import type { Acceptance } from './acceptance.ts';
import type { Known } from './gate.ts';
import type { Heard } from './heard.ts';
import type { Hold } from './hold.ts';
import type { Identities } from './identities.ts';
import type { IngestMetrics } from './ingest-metrics.ts';
import type { Item } from './lane.ts';
import type { IngestLimits } from './limits.ts';
import type { Reactivation } from './reactivation.ts';
import type { VerifyPool } from './verify-pool.ts';

/** The parts. */
export interface PipelineParts extends Known {
  readonly heard: Heard;
  readonly limits: IngestLimits;
  /** For questions to hosts: guarded against private addresses, bounded in bytes and time. */
  readonly fetch: typeof globalThis.fetch;
  readonly identities: Identities;
  readonly reactivation: Reactivation;
  readonly pool: VerifyPool;
  readonly acceptance: Acceptance;
  readonly hold: Hold;
  readonly clock: Clock;
  readonly metrics: IngestMetrics;
  /** Drops commits that do not follow the last one, instead of passing them on and counting. */
  readonly dropsDiscontinuous: boolean;
  /** Called once for each event that is dropped. */
  readonly onDropped: (item: Item, reason: DropReason, detail: string) => void;
  /** Called when an account's host was taken at its word without an event of its own. */
  readonly onTold: (row: number) => void;
  /** Called on our own mistakes in asynchronous work. */
  readonly onFault: (error: unknown) => void;
}
