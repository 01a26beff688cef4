/**
 * The wiring of the did:plc directory, in the order a request goes: listener, app, routes, log, database.
 * Not for anybody but main.ts, cli/ and tests.
 * Takes settings. Gives a running service that owns everything it opened.
 * Source: ours.
 */
import { join } from 'node:path';
import { systemClock, type Clock } from '@dunlin/protocol/base/clock';
import { version } from '@dunlin/service/config/version';
import { createApp, listen } from '@dunlin/service/http/app';
import { mountHealth } from '@dunlin/service/http/health';
import { startMetricsListener } from '@dunlin/service/http/metrics-listener';
import { mountRouter } from '@dunlin/service/http/router';
import { Lifecycle, type RunningService } from '@dunlin/service/lifecycle/service';
import { createLogger, type Logger } from '@dunlin/service/log/logger';
import { createMetrics } from '@dunlin/service/metrics/registry';
import { openDatabase } from '@dunlin/service/sqlite/database';
import { lockFolder } from '@dunlin/service/sqlite/folder-lock';
import { createPlcRouter } from './api/index.ts';
import { readPlcConfig, type PlcConfig } from './config.ts';
import { OperationLog } from './log.ts';
import { declarePlcMetrics } from './metrics.ts';
import { migrations } from './schema.ts';

/** Settings of a directory; those left out are the defaults. */
export type PlcOptions = Pick<PlcConfig, 'port' | 'host' | 'dataDirectory'> & Partial<PlcConfig>;

/** A directory that is up. */
export interface RunningPlc extends RunningService {
  /** Where /metrics is served, null when it is not. */
  readonly metricsUrl: string | null;
  readonly ready: { readonly ready: 'plc'; readonly url: string; readonly version: string };
}

/** Starts the directory; everything opened is closed again when the start fails. */
export async function startPlc(options: PlcOptions, parts: { clock?: Clock; log?: Logger } = {}): Promise<RunningPlc> {
  const config: PlcConfig = { ...readPlcConfig({}), ...options };
  const { clock = systemClock, log: logger = createLogger('plc') } = parts;
  const lifecycle = new Lifecycle(logger);
  try {
    const metrics = createMetrics('plc');
    lifecycle.own('metrics', () => metrics.close());
    if (config.dataDirectory !== ':memory:') {
      const lock = lockFolder(config.dataDirectory);
      lifecycle.own('folder lock', () => lock.release());
    }
    const path = config.dataDirectory === ':memory:' ? ':memory:' : join(config.dataDirectory, 'plc.sqlite');
    const database = openDatabase(path, { migrations });
    lifecycle.own('database', () => void database.close());
    const log = new OperationLog(database);
    const app = createApp({ log: logger, metrics, serverName: `dunlin-plc/${version}`, clock });
    mountHealth(app, () => void log.last());
    mountRouter(app, createPlcRouter({
      log,
      limits: { perHour: config.operationsPerHour, perDay: config.operationsPerDay, perWeek: config.operationsPerWeek },
      submissionsPerMinute: config.submissionsPerMinute,
      clock,
      metrics: declarePlcMetrics(metrics),
    }));
    const server = await listen(app, { host: config.host, port: config.port, clock, requestTimeoutMs: 30_000 });
    lifecycle.own('listener', () => server.close());
    const figures = config.metricsListen && await startMetricsListener({ ...config.metricsListen, metrics, log: logger });
    if (figures) lifecycle.own('metrics listener', () => figures.close());
    logger.info({ url: server.url, operations: log.last()?.seq ?? 0 }, 'listening');
    return { url: server.url, metricsUrl: figures?.url ?? null, ready: { ready: 'plc', url: server.url, version }, close: () => lifecycle.close() };
  } catch (error) {
    await lifecycle.close();
    throw error;
  }
}
