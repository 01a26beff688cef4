/** A bare service on a free port for tests: app and health, closed when the test is over. */
import { createApp, listen, type App, type AppOptions, type HttpServer, type ListenOptions } from '@dunlin/service/http/app';
import { mountHealth } from '@dunlin/service/http/health';
import { silentLogger } from '@dunlin/service/log/logger';
import { createMetrics, type Metrics } from '@dunlin/service/metrics/registry';

const closers: (() => Promise<void> | void)[] = [];

/** Closes everything that was opened since the last call, last first. For afterEach. */
export async function closeServices(): Promise<void> {
  for (const close of closers.splice(0).toReversed()) await close();
}

/** Has something closed by `closeServices`. */
export function whenDone(close: () => Promise<void> | void): void {
  closers.push(close);
}

export interface OpenService extends HttpServer {
  readonly app: App;
  readonly metricsText: () => Promise<string>;
}

export interface OpenOptions extends Partial<Omit<AppOptions, 'metrics'> & ListenOptions> {
  /** Puts more on the app, before it listens. */
  readonly prepare?: (app: App, metrics: Metrics) => void;
}

export async function openApp(o: OpenOptions = {}): Promise<OpenService> {
  const metrics = createMetrics('test');
  const app = createApp({ log: silentLogger, serverName: 'test/1', ...o, metrics });
  mountHealth(app);
  o.prepare?.(app, metrics);
  const server = await listen(app, { host: '127.0.0.1', port: 0, ...o });
  whenDone(() => metrics.close());
  whenDone(() => server.close());
  return { ...server, app, metricsText: () => metrics.text() };
}
