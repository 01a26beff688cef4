/**
 * Routes for what is not XRPC: pages, well-known documents, a directory's plain REST paths. On @koa/router.
 * Not for lexicon methods: those mount with xrpc/route. A router's paths name themselves for metrics by their pattern.
 * Source: ours.
 */
import { createRequire } from 'node:module';
import type { Router as KoaRouter } from '@koa/router';
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

/** Puts a router on an app; a path it has with another method answers 405. */
export function mountRouter(app: App, router: PlainRouter): void {
  app.use(router.routes());
  app.use(router.allowedMethods());
}
