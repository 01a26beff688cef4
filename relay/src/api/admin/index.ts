/**
 * The operator's API: HTTP Basic `admin:PASSWORD`, at the paths of the indigo relay, so that its tools work.
 * Not for the public. Every act is remembered (audit/). Ten wrong passwords lock an address out for a while.
 * Source: paths and bodies as indigo's cmd/relay handlers_admin.go.
 */
import { clientAddress } from '@dunlin/service/http/client-address';
import { createRouter } from '@dunlin/service/http/router';
import type { PlainRouter } from '@dunlin/service/http/router';
import { createAdminAuth } from '@dunlin/service/xrpc/auth';
import { addAccountRoutes } from './accounts.ts';
import type { AccountActsParts } from './accounts.ts';
import { adminRoutes } from './acts.ts';
import type { ActParts } from './acts.ts';
import { addConsumerRoutes } from './consumers.ts';
import type { ConsumerAsksParts } from './consumers.ts';
import { addDomainRoutes } from './domains.ts';
import type { DomainActsParts } from './domains.ts';
import { addHostRoutes } from './hosts.ts';
import type { HostActsParts } from './hosts.ts';

/** What the operator's API works on. */
export interface AdminParts extends ActParts, HostActsParts, DomainActsParts, AccountActsParts, ConsumerAsksParts {
  /** Several are separated by commas. */
  readonly password: string | null;
  /** Called for each request that was turned away: no password, a wrong one, or locked out. */
  readonly onRefused: () => void;
}

/** Makes the routes below /admin. */
export function adminRouter(parts: AdminParts): PlainRouter {
  const router = createRouter();
  const auth = createAdminAuth(parts.password?.split(',').filter((each) => each !== '') ?? null, { clock: parts.clock });
  router.use('/admin', async (context, next) => {
    try {
      auth({ headers: context.req.headers, ip: clientAddress(context.req) });
    } catch (error) {
      parts.onRefused();
      throw error;
    }
    context.set('cache-control', 'no-store');
    await next();
  });
  const routes = adminRoutes(router, parts);
  addHostRoutes(routes, parts);
  addDomainRoutes(routes, parts);
  addAccountRoutes(routes, parts);
  addConsumerRoutes(routes, parts);
  return router;
}
