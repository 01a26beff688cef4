/**
 * What every stage of the wiring is given: settings, clock, log, secrets, figures, and the list of what must be closed.
 * Not for handlers, stores or verbs, which get the two or three parts they use.
 * Source: ours.
 */
import { AssertionFailure } from '@dunlin/protocol/base/assert';
import type { Clock } from '@dunlin/protocol/base/clock';
import type { Lifecycle } from '@dunlin/service/lifecycle/service';
import { throwAtProcess } from '@dunlin/service/lifecycle/throw-at-process';
import { startUpkeep, type Upkeep } from '@dunlin/service/lifecycle/upkeep';
import type { Logger } from '@dunlin/service/log/logger';
import type { Metrics } from '@dunlin/service/metrics/registry';
import type { PdsConfig } from '../config.ts';
import type { MovePace } from '../moving/move-steps.ts';
import type { Secrets } from '../secrets.ts';

/** The ground the stages stand on. */
export interface Stage {
  readonly config: PdsConfig;
  readonly clock: Clock;
  readonly log: Logger;
  readonly lifecycle: Lifecycle;
  readonly secrets: Secrets;
  readonly metrics: Metrics;
}

/** What a caller may put in the place of the machine's own. */
export interface PdsParts {
  readonly clock?: Clock;
  readonly log?: Logger;
  /** For every look-up outside; guarded unless given. */
  readonly fetch?: typeof globalThis.fetch;
  readonly resolveTxt?: (name: string) => Promise<string[][]>;
  /** The least pace of old servers, and how long a move works while others wait, in ms; those in service unless given. */
  readonly movePace?: MovePace;
  readonly moveTurnMs?: number;
}

/** Tells of a fault that no caller hears of; our own corruption is thrown at the process, which drains and exits (invariant 8). */
export function reportFault(log: Logger, what: string): (fault: unknown) => void {
  return (fault) => {
    log.error({ err: fault }, what);
    if (fault instanceof AssertionFailure) throwAtProcess(fault);
  };
}

/** Begins upkeep that ends with the service; `failed` is what the log says of a fault. */
export function keepUp({ clock, log, lifecycle }: Stage, name: string, o: { everyMs: number; work: (signal: AbortSignal) => Promise<unknown>; failed: string }): Upkeep {
  const upkeep = startUpkeep({ clock, everyMs: o.everyMs, work: o.work, onFault: reportFault(log, o.failed) });
  lifecycle.own(name, () => upkeep.end());
  return upkeep;
}
