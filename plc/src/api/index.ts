/**
 * The table of the directory's routes.
 * Not for what stands behind them. Fixed paths come before `/:did`, which takes any single segment.
 * Source: the HTTP API of the public did:plc directory.
 */
import { createRouter, type PlainRouter } from '@dunlin/service/http/router';
import { methodNotImplemented } from '@dunlin/service/xrpc/errors';
import { addBulkRoute } from './bulk.ts';
import { addExportRoute } from './export.ts';
import { addPageRoute } from './page.ts';
import { addReadRoutes } from './read.ts';
import { addSubmitRoute, type SubmitOptions } from './submit.ts';

/** Makes the router. */
export function createPlcRouter(o: SubmitOptions): PlainRouter {
  const router = createRouter();
  addPageRoute(router, o.log);
  addExportRoute(router, o.log);
  addBulkRoute(router, o.log);
  router.all('/xrpc/:nsid', () => {
    throw methodNotImplemented();
  });
  addReadRoutes(router, o.log);
  addSubmitRoute(router, o);
  return router;
}
