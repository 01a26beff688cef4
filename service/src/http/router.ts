/**
 * Routes for what is not XRPC: pages, well-known documents, a directory's plain REST paths. On @koa/router.
 * Not for lexicon methods: those mount with xrpc/route. A router's paths name themselves for metrics by their pattern.
 * Source: ours.
 */
import { createRequire } from 'node:module';
import type { Router as KoaRouter } from '@koa/router';
import { XrpcError } from '../xrpc/errors.ts';
import type { App } from './app.ts';

/** Its build for `import` imports node:http, which costs what node-http.ts says; the one for `require` does not. */
const { Router } = createRequire(import.meta.url)('@koa/router') as { Router: typeof KoaRouter };

/** A table of plain routes: `router.get('/path/:name', (context) => …)`. */
export type PlainRouter = KoaRouter;

/** Makes an empty router. */
export function createRouter(): PlainRouter {
  const router = new Router();
  router.use(async (context, next) => {
    const layer = context.matched?.find((each) => each.methods.includes(context.method));
    if (typeof layer?.path === 'string') context.state['route'] = layer.path;
    await next();
  });
  return router;
}

/** Puts a router on an app; a path it has with another method answers 405 with the methods it has, and 501 when nobody has such a method. */
export function mountRouter(app: App, router: PlainRouter): void {
  const allowed = router.allowedMethods();
  app.use(router.routes());
  app.use(async (context, next) => {
    let statusBehind = 404;
    await allowed(context as Parameters<typeof allowed>[0], async () => {
      await next();
      statusBehind = context.status;
    });
    // What answered behind us has answered for itself, perhaps past the app.
    if (context.status === statusBehind) return;
    const allow = { allow: String(context.response.get('allow')) };
    const method = context.method.slice(0, 32);
    if (context.status === 405) throw new XrpcError(405, 'MethodNotAllowed', `the method is not for this path: method=${method}`, allow);
    if (context.status === 501) throw new XrpcError(501, 'MethodNotImplemented', `no path has such a method: method=${method}`, allow);
  });
}
