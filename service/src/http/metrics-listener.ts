/**
 * GET /metrics on a listener of its own, so that operators' figures are not on the public port.
 * Not for declaring metrics: metrics/registry.
 * Source: text format of Prometheus.
 */
import { version } from '../config/version.ts';
import type { Logger } from '../log/logger.ts';
import { createMetrics, type Metrics } from '../metrics/registry.ts';
import { createApp, listen, type HttpServer } from './app.ts';

/** Listens and serves the figures of one service. */
export async function startMetricsListener(o: { readonly host: string; readonly port: number; readonly metrics: Metrics; readonly log: Logger }): Promise<HttpServer> {
  // The listener's own requests are measured apart, or every reading would move what it reads.
  const own = createMetrics('listener');
  const app = createApp({ log: o.log, metrics: own, serverName: `dunlin-metrics/${version}` });
  app.use(async (context, next) => {
    if (context.path !== '/metrics') return next();
    context.type = o.metrics.contentType;
    context.body = await o.metrics.text();
  });
  const server = await listen(app, { host: o.host, port: o.port, drainMs: 500 });
  return { ...server, close: () => server.close().finally(() => own.close()) };
}
