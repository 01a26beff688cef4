/**
 * GET /_health and /xrpc/_health: {"version"} when the service can serve, 503 when it says it cannot.
 * Not for readiness of one method nor for metrics.
 * Source: path and body of the reference PDS.
 */
import { version } from '../config/version.ts';
import type { App } from './app.ts';

/** Throws when the service cannot serve. It must settle soon: nobody else gives it a deadline. */
export type HealthCheck = () => void | Promise<void>;

/** Mounts both paths; `check` throws when the service cannot serve (its message is shown). */
export function mountHealth(app: App, check: HealthCheck = () => undefined): void {
  app.use(async (context, next) => {
    if (context.path !== '/_health' && context.path !== '/xrpc/_health') return next();
    context.state['route'] = '/_health';
    try {
      await check();
      context.body = { version };
    } catch (error) {
      context.status = 503;
      context.body = { version, error: 'ServiceUnavailable', message: error instanceof Error ? error.message : 'not able to serve' };
    }
  });
}
