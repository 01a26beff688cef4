/**
 * Puts the rooms of ingest together, in flow order: intake → pipeline (verify workers, identities) → acceptance → log.
 * Not for any decision of its own. Place in the flow: hops 5 to 7.
 * Source: ours.
 */
import type { Clock } from '@dunlin/protocol/base/clock';
import type { DropReason } from '@dunlin/protocol/repo/drop-reason';
import type { IdentityResolver } from '@dunlin/protocol/identity/resolver';
import type { AccountTable } from '../accounts/account-table.ts';
import type { RelayLog } from '../log/relay-log.ts';
import { Acceptance } from './acceptance.ts';
import { Budget } from './budget.ts';
import type { BudgetBounds } from './budget.ts';
import type { EventFollower } from './durable-event.ts';
import { Heard } from './heard.ts';
import { Hold } from './hold.ts';
import type { HoldBounds } from './hold.ts';
import type { HomeBook } from './home.ts';
import { Identities } from './identities.ts';
import type { IngestMetrics } from './ingest-metrics.ts';
import { Intake } from './intake.ts';
import type { Item } from './lane.ts';
import type { IngestLimits } from './limits.ts';
import { Pipeline } from './pipeline.ts';
import { Reactivation } from './reactivation.ts';
import { VerifyPool } from './verify-pool.ts';

/** What ingest is made of. */
export interface IngestParts {
  readonly log: RelayLog;
  readonly table: AccountTable;
  readonly homes: HomeBook;
  /** Says whether the same event may be heard more than once: from its host and from other relays. */
  readonly hasRelays: () => boolean;
  readonly resolver: IdentityResolver;
  readonly clock: Clock;
  /** For questions to hosts about their accounts: guarded against private addresses, bounded in bytes and time. */
  readonly fetch: typeof globalThis.fetch;
  readonly metrics: IngestMetrics;
  readonly workers: number;
  readonly isLenient: boolean;
  readonly dropsDiscontinuous: boolean;
  readonly budgetBounds: BudgetBounds;
  readonly holdBounds: HoldBounds;
  readonly limits: IngestLimits;
  readonly random: () => number;
  /** Hears of every event that is durable, and of what was missed; null when nobody wants to. */
  readonly follower: EventFollower | null;
  readonly onFault: (error: unknown) => void;
}

/** Ingest, running. */
export class Ingest {
  readonly intake: Intake;
  readonly budget: Budget;
  readonly hold: Hold;
  readonly pipeline: Pipeline;
  readonly #pool: VerifyPool;
  readonly #acceptance: Acceptance;
  readonly #follower: EventFollower | null;
  readonly #table: AccountTable;

  constructor(parts: IngestParts) {
    const { log, table, homes, clock, metrics, fetch, limits, onFault } = parts;
    const heard = new Heard(parts.hasRelays);
    this.budget = new Budget(parts.budgetBounds);
    this.hold = new Hold({ budget: this.budget, bounds: parts.holdBounds, clock, random: parts.random });
    this.#pool = new VerifyPool({ workers: parts.workers, isLenient: parts.isLenient, tellsGone: parts.follower !== null, clock, onFault });
    this.intake = new Intake({ budget: this.budget, hold: this.hold, clock, metrics, push: (item) => this.pipeline.push(item) });
    this.#acceptance = new Acceptance({ log, table, heard, onDurable: (item) => this.#durable(item) });
    this.pipeline = new Pipeline({
      table, homes, heard, limits, clock, metrics, fetch, onFault,
      identities: new Identities({ resolver: parts.resolver, table, homes, clock, lookupsPerHost: limits.lookupsPerHost }),
      reactivation: new Reactivation({ fetch, clock }),
      pool: this.#pool,
      acceptance: this.#acceptance,
      hold: this.hold,
      onTold: (row) => parts.follower?.missed(row),
      dropsDiscontinuous: parts.dropsDiscontinuous,
      onDropped: (item, reason, detail) => {
        this.intake.dropped(item, reason, detail);
        this.#missed(item, reason);
      },
    });
    this.#follower = parts.follower;
    this.#table = table;
  }

  /** Resolves when the verify workers run. */
  ready(): Promise<void> {
    return this.#pool.ready();
  }

  /** Gives the CPU time the verify workers have used, in seconds. */
  workerCpuSeconds(): Promise<number> {
    return this.#pool.cpuSeconds();
  }

  /** Takes no more verdicts; what was accepted is still told when it is durable. */
  async stop(): Promise<void> {
    this.pipeline.close();
    await this.#pool.close();
  }

  /** Lets go of the log. */
  close(): void {
    this.#acceptance.close();
  }

  #durable(item: Item): void {
    this.intake.durable(item);
    if (this.#follower === null) return;
    const { kind, row, scan, bytes, breaks, verdict } = item;
    this.#follower.durable({ kind, row, scan, bytes, breaks, ...(verdict?.accepted && { gone: verdict.gone }) });
  }

  /** What an account's own host sent and was not passed on may have changed its repository; what is a repeat has not. */
  #missed(item: Item, reason: DropReason): void {
    if (this.#follower === null || reason === 'revNotNewer' || reason === 'duplicate' || (item.kind !== 'commit' && item.kind !== 'sync')) return;
    const row = this.#table.find(item.did);
    if (row !== -1 && this.#table.hostId(row) === item.upstream.id) this.#follower.missed(row);
  }
}
