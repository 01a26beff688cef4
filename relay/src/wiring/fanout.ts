/**
 * Chooses who serves consumers, this process or others, and starts those.
 * Not for what they are given to serve (api/serve.ts). Place in the flow: start, third stage; hop 8.
 * Source: ours, see docs/decisions/0018.
 */
import type { LogLevel } from '@dunlin/service/log/logger';
import { localFanout, maxHeaderBytes } from '../fanout/fanout.ts';
import type { Fanout } from '../fanout/fanout.ts';
import { FanoutProcesses } from '../fanout/processes.ts';
import type { Stage } from './stage.ts';
import type { Stores } from './stores.ts';

/** Resolves when consumers can be served; nobody can reach it yet. */
export async function startFanout({ config, clock, logger, lifecycle, metrics, onFault }: Stage, { log }: Stores, serverName: string): Promise<Fanout> {
  const ringBytes = config.consumerBufferBytes;
  if (config.fanoutProcesses === 0) {
    const fanout = localFanout({ log, ringBytes, metrics, logger, clock });
    lifecycle.own('consumers', () => fanout.close());
    return fanout;
  }
  const processes = new FanoutProcesses({
    count: config.fanoutProcesses, log, clock, logger, metrics, onFault,
    beginning: { folder: log.folder, serverName, logLevel: logger.level as LogLevel, maxHeaderBytes, ringBytes },
  });
  lifecycle.own('processes for consumers', () => processes.close());
  await processes.start();
  return processes;
}
