/**
 * What every stage of the wiring works with: settings, clock, log, metrics, who closes, and how the network is asked.
 * Not handed to anything but stages (rule 4). Place in the flow: start.
 * Source: ours.
 */
import { systemClock } from '@dunlin/protocol/base/clock';
import type { Clock } from '@dunlin/protocol/base/clock';
import { createGuardedFetch } from '@dunlin/service/http/guarded-fetch';
import type { Lifecycle } from '@dunlin/service/lifecycle/service';
import { throwAtProcess } from '@dunlin/service/lifecycle/throw-at-process';
import type { Logger } from '@dunlin/service/log/logger';
import type { Metrics } from '@dunlin/service/metrics/registry';
import type { RelayConfig } from '../config.ts';
import type { WriteBytes } from '../log/group-writer.ts';

/** Parts that tests put in place of the real ones. */
export interface RelayDeps {
  readonly clock?: Clock;
  readonly log?: Logger;
  readonly fetch?: typeof globalThis.fetch;
  readonly resolveTxt?: (name: string) => Promise<string[][]>;
  readonly random?: () => number;
  readonly freeBytes?: () => Promise<number>;
  readonly writeLog?: WriteBytes;
  /** Waits between attempts to reach a host. */
  readonly hostBackoff?: { readonly minMs: number; readonly maxMs: number };
  /** Told of our own faults; by default they are thrown at the process, which drains and exits. */
  readonly onFault?: (error: unknown) => void;
}

/** The stage. */
export interface Stage {
  readonly config: RelayConfig;
  readonly deps: RelayDeps;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  readonly metrics: Metrics;
  readonly onFault: (error: unknown) => void;
}

/** Makes the stage. */
export function makeStage(parts: Pick<Stage, 'config' | 'deps' | 'logger' | 'lifecycle' | 'metrics'>): Stage {
  return { ...parts, clock: parts.deps.clock ?? systemClock, onFault: parts.deps.onFault ?? throwOurs };
}

/** Gives a fetch for addresses that others chose: guarded, and closed with the relay. */
export function openFetch({ config, deps, clock, lifecycle }: Stage, bounds: { maxBytes: number; timeoutMs: number; maxRedirects?: number }): typeof globalThis.fetch {
  if (deps.fetch) return deps.fetch;
  const guarded = createGuardedFetch({ ...bounds, clock, allowPrivate: config.allowInsecureHosts });
  lifecycle.own('fetch', () => guarded.close());
  if (!config.plcUrl.startsWith('http://') || config.allowInsecureHosts) return guarded;
  // A directory of the operator's own may stand inside the network: it alone is reached there, nothing that others name.
  const inside = createGuardedFetch({ ...bounds, clock, allowPrivate: true, maxRedirects: 0 });
  lifecycle.own('fetch of the directory', () => inside.close());
  return (input, init) => (String(input).startsWith(`${config.plcUrl}/`) ? inside : guarded)(input, init);
}

function throwOurs(error: unknown): void {
  throwAtProcess(error instanceof Error ? error : new Error('fault of our own', { cause: error }));
}
