/**
 * app.bsky.notification.registerPush and unregisterPush: told to the notification service the caller names in the body.
 * They are older than passing calls on by header, so the service stands in the input.
 * Source: lexicons of those names; behaviour of the reference PDS.
 */
import { xrpcPost } from '@dunlin/service/xrpc/call';
import { route, type XrpcRoute } from '@dunlin/service/xrpc/route';
import type { Forwarder } from '../proxy/forward.ts';
import type { ProxyTargets } from '../proxy/proxy-target.ts';
import type { Authenticator, Caller } from './auth.ts';

/** What these methods use; `fetchDirect` reaches services the operator named, `fetchGuarded` all others. */
export interface NotificationParts {
  readonly auth: Authenticator;
  readonly targets: ProxyTargets;
  readonly forwarder: Forwarder;
  readonly fetchDirect: typeof globalThis.fetch;
  readonly fetchGuarded: typeof globalThis.fetch;
}

/** Gives the methods. */
export function notificationRoutes(o: NotificationParts): XrpcRoute[] {
  return ['app.bsky.notification.registerPush', 'app.bsky.notification.unregisterPush'].map((nsid) =>
    route<unknown, { serviceDid: string }, Caller>(nsid, {
      auth: o.auth.access({ oauth: 'allowed' }),
      async handler({ input, rawInput, auth: { account, permissions }, signal }) {
        const { serviceDid } = input;
        permissions?.requireRpc(nsid, `${serviceDid}#bsky_notif`);
        const target = await o.targets.service(serviceDid, 'bsky_notif');
        const headers = o.forwarder.authorization({ account, audience: serviceDid, lxm: nsid });
        await xrpcPost(nsid, rawInput, { fetch: target.isTrusted ? o.fetchDirect : o.fetchGuarded, service: target.origin, headers, signal });
      },
    }));
}
