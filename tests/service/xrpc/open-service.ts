/** A service on a free port for tests: app, health and XRPC routes, closed when the test is over. */
import { createApp, listen, type App, type AppOptions, type HttpServer, type ListenOptions } from '@dunlin/service/http/app';
import { mountHealth } from '@dunlin/service/http/health';
import { silentLogger } from '@dunlin/service/log/logger';
import { createMetrics } from '@dunlin/service/metrics/registry';
import { loadLexicons } from '@dunlin/service/xrpc/lexicons';
import { mountXrpc, type MountOptions, type XrpcRoute } from '@dunlin/service/xrpc/route';

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

/** Opens a service; `prepare` may put more on the app before the XRPC routes. */
export async function openService(
  routes: readonly XrpcRoute[],
  o: Partial<MountOptions & AppOptions & ListenOptions> & { readonly prepare?: (app: App) => void } = {},
): Promise<OpenService> {
  const metrics = createMetrics('test');
  const app = createApp({ log: silentLogger, metrics, serverName: 'test/1', ...o });
  mountHealth(app);
  o.prepare?.(app);
  mountXrpc(app, routes, { lexicons: loadLexicons(), metrics, ...o });
  const server = await listen(app, { host: '127.0.0.1', port: 0, ...o });
  whenDone(() => metrics.close());
  whenDone(() => server.close());
  return { ...server, app, metricsText: () => metrics.text() };
}
