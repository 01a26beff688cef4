/** A service with XRPC routes on a free port for tests. */
import { loadLexicons } from '@dunlin/service/xrpc/lexicons';
import { mountXrpc, type MountOptions, type XrpcRoute } from '@dunlin/service/xrpc/route';
import { openApp, type OpenOptions, type OpenService } from '../http/open-app.ts';

export { closeServices } from '../http/open-app.ts';

export function openService(routes: readonly XrpcRoute[], o: OpenOptions & Partial<MountOptions> = {}): Promise<OpenService> {
  return openApp({
    ...o,
    prepare(app, metrics) {
      o.prepare?.(app, metrics);
      mountXrpc(app, routes, { lexicons: loadLexicons(), ...o, metrics });
    },
  });
}
